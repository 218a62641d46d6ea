'use strict';
const { move } = require('piscina');

module.exports = (value) => move(value);
