'use strict';
// Each message is a job, and its result is the message itself.
process.on('message', (value) => process.send(value));
