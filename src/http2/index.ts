export { Http2Connection } from "./connection.ts";
export { ConnectionError, ErrorCode, errorCodeName, type StreamError } from "./error-code.ts";
export { fieldValue, type RequestHead, type ResponseHead } from "./fields.ts";
export { WindowBudget } from "./flow-window.ts";
export { PREFACE } from "./frame.ts";
export { fieldBytes, type HeaderField } from "./header-field.ts";
export type { ConnectionListener, ConnectionOptions } from "./options.ts";
export type { Settings } from "./settings.ts";
export type { FieldLines, Stream, StreamListener } from "./stream.ts";
