/** What we have to know of a URL that the driver reads. */
export interface MongoUrl {
  /** The database that the path of a well-formed one names. */
  readonly database: string | undefined;
  /** The names of the options in a well-formed one, in lower case: the driver does not tell them apart by case. */
  readonly options: ReadonlySet<string>;
  /** Takes what is secret in it, well-formed or not, out of a text. */
  redact(text: string): string;
}

/** To Node a URL with several hosts is none. */
const WELL_FORMED = /^[^:]+:\/\/(?:[^@/?]*@)?[^@/?]*(?:\/(?<path>[^?]*))?(?:\?(?<query>.*))?$/s;
/** Options of MongoDB's connection strings whose values let somebody in. */
const SECRET_OPTION = /password|token|mechanismproperties/i;

export function readMongoUrl(url: string): MongoUrl {
  const { path = "", query = "" } = WELL_FORMED.exec(url)?.groups ?? {};
  return {
    database: path === "" ? undefined : decoded(path),
    options: new Set([...new URLSearchParams(query).keys()].map((name) => name.toLowerCase())),
    redact: redaction(url),
  };
}

function redaction(url: string): MongoUrl["redact"] {
  // A password that was not escaped may hold an "@", and so may an option: what is before any of them is taken for one.
  const beforeAt = url.split("@").map((_, count, parts) => parts.slice(0, count).join("@"));
  const userInfos = beforeAt.map((text) => text.replace(/^[^:]*:\/\//, ""));
  const passwords = userInfos.map((userInfo) => userInfo.slice(userInfo.indexOf(":") + 1));
  const secretOptions = [...new URLSearchParams(url.split("?").slice(1).join("?"))]
    .filter(([name]) => SECRET_OPTION.test(name))
    .map(([, value]) => value);
  const secrets = [...userInfos, ...passwords, ...secretOptions]
    .flatMap((secret) => [secret, decoded(secret), encodeURIComponent(secret)])
    .filter((secret) => secret !== "")
    .sort((one, other) => other.length - one.length); // the longest first: another may be a part of it
  return (text) => secrets.reduce((redacted, secret) => redacted.replaceAll(secret, "[redacted]"), text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a "%" that begins no escape
  }
}
