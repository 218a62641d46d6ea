'use strict';
const workerpool = require('workerpool');

workerpool.worker({
  echo: (value) => value,
  echoMoved: (value) => new workerpool.Transfer(value, [value.buffer]),
});
