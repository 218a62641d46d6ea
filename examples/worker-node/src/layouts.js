// Every number and every layout of the protocol as data. A test compares it with messages.toml.

/** @typedef {'host-to-worker' | 'worker-to-host'} Direction */
/** @typedef {ReadonlyArray<readonly [name: string, type: string]>} Fields */
/** @typedef {{ number: number, direction: Direction, data: boolean, fields: Fields }} Layout */

/** @type {Direction} */
const DOWN = 'host-to-worker';
/** @type {Direction} */
const UP = 'worker-to-host';

/** @param {number} number @param {Direction} direction @param {string} fields `name:type name:type` @param {boolean} [data] @returns {Layout} */
const message = (number, direction, fields, data = false) => ({ number, direction, data, fields: list(fields) });

/** @param {string} fields @returns {Fields} */
function list(fields) {
  return fields.split(' ').filter(Boolean).map((field) => {
    const [name = '', type = ''] = field.split(':');
    return [name, type];
  });
}

/** @type {Readonly<Record<string, Layout>>} */
export const MESSAGES = {
  InitializeRequest: message(1, DOWN, 'protocol_min:u16 protocol_max:u16 capabilities:Capabilities slot:u32 ' +
    'generation:u64 host_name:String host_version:String limits:Limits ping_interval_ms:u64 ping_timeout_ms:u64 ' +
    'high_ping_ms:u64 initialize_timeout_ms:u64 close_timeout_ms:u64 log_filter:String extensions:Vec<Extension>', true),
  InitializeResponse: message(2, UP, 'error:Option<InitializeError> protocol:u16 capabilities:Capabilities ' +
    'limits:Limits slots:u32 name:String version:String build_id:String sdk:String pid:u32 extensions:Vec<Extension>'),
  Ping: message(3, DOWN, 'seq:u64'),
  Pong: message(4, UP, 'seq:u64 jobs:u32 lag_us:u64'),
  Shutdown: message(5, DOWN, 'reason:ShutdownReason grace_ms:u64'),
  ShuttingDown: message(6, UP, 'jobs:u32'),
  Exiting: message(7, UP, 'reason:String'),
  ExtendDeadline: message(8, UP, 'which:DeadlineKind job:u64 extra_ms:u64'),
  Retire: message(9, UP, 'reason:String'),
  StartJob: message(16, DOWN, 'job:u64 id:String name:String metadata:Vec<Pair> traceparent:String deadline_ms:u64 ' +
    'attempt:u32 last:bool', true),
  JobInput: message(17, DOWN, 'job:u64 last:bool', true),
  CancelJob: message(18, DOWN, 'job:u64 reason:CancelReason'),
  JobWindow: message(19, DOWN, 'job:u64 bytes:u32'),
  JobAccepted: message(20, UP, 'job:u64'),
  JobOutput: message(21, UP, 'job:u64', true),
  JobFinished: message(22, UP, 'job:u64 cancelled:bool failure:Option<JobFailure>', true),
  CallRequest: message(32, UP, 'call:u64 method:String', true),
  CallResponse: message(33, DOWN, 'call:u64 error:Option<String>', true),
  DumpStacks: message(48, DOWN, ''),
  StackDump: message(49, UP, 'text:String'),
};

/** @type {Readonly<Record<string, Fields>>} */
export const STRUCTS = {
  Limits: list('max_frame:u32 max_payload:u64 output_window:u32'),
  Extension: list('number:u32 content:bytes'),
  InitializeError: list('code:InitializeCode message:String'),
  Pair: list('key:String value:String'),
  JobFailure: list('kind:FailureKind message:String retryable:bool'),
};

/** The integer that an enumeration or a bit set is on the wire. @type {Readonly<Record<string, 'u16' | 'u64'>>} */
export const NUMBERS = {
  ShutdownReason: 'u16',
  CancelReason: 'u16',
  DeadlineKind: 'u16',
  FailureKind: 'u16',
  InitializeCode: 'u16',
  Capabilities: 'u64',
};

export const SHUTDOWN_REASON = { requested: 1, retired: 2, surplus: 3, 'host gone': 4 };
export const CANCEL_REASON = { requested: 1, deadline: 2 };
export const DEADLINE_KIND = { initialize: 1, job: 2, close: 3 };
export const FAILURE_KIND = { error: 1, panic: 2, 'invalid input': 3, rejected: 4 };
export const INITIALIZE_CODE = { failed: 1, version: 2 };
export const CAPABILITY_BIT = { 'stack dump': 0 };

/** The name of a number, or `unknown N`: new ones may come. @param {Record<string, number>} names @param {number} number */
export const nameOf = (names, number) =>
  Object.keys(names).find((name) => names[name] === number) ?? `unknown ${number}`;
