/** A search for secrets in texts, in whatever way these quote them. */
export interface SecretSearch {
  /** Whether a line of JSON may quote one; cheap where it does not. */
  mayBeIn(line: string): boolean;
  /** Puts `replacement` wherever `text` quotes one, once where several overlap. */
  replaceAll(text: string, replacement: string): string;
}

/** Whether a text has what may begin an escape: percent-encoding, a form's `+`, JSON's backslash. */
function mayEscape(text: string): boolean {
  return text.includes("%") || text.includes("+") || text.includes("\\");
}

/** A secret that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Finds a secret as it is, percent-encoded (RFC 3986, 2.1, of any of its characters and in either case; `+` for a space),
 * and as JSON escapes it, however often.
 */
export function searchFor(secrets: readonly string[]): SecretSearch {
  let known: readonly string[] | undefined;
  const needles = () => {
    known ??= secrets.flatMap(needlesOf);
    return known;
  };
  return {
    mayBeIn(line) {
      if (secrets.some((secret) => line.includes(PLAIN.test(secret) ? secret : JSON.stringify(secret).slice(1, -1)))) {
        return true;
      }
      if (!mayEscape(line)) {
        return false;
      }
      const { bytes } = unescaped(line);
      return needles().some((needle) => bytes.includes(needle));
    },
    replaceAll(text, replacement) {
      const hidden = new Uint8Array(text.length); // marks, as secrets may overlap in any number
      for (const secret of secrets) {
        for (const at of occurrences(text, secret)) {
          hidden.fill(1, at, at + secret.length);
        }
      }
      if (mayEscape(text)) {
        const { bytes, starts } = unescaped(text);
        for (const needle of needles()) {
          for (const at of occurrences(bytes, needle)) {
            const end = at + needle.length;
            hidden.fill(1, starts?.[at] ?? at, starts === undefined ? end : (starts[end] ?? text.length));
          }
        }
      }
      return replaceMarked(text, hidden, replacement);
    },
  };
}

/** A secret may itself look percent-encoded: it is looked for as the text around it is read, and as it is. */
function needlesOf(secret: string): readonly string[] {
  const plain = withoutJsonEscapes(bytesOf(secret)).bytes;
  return secret.includes("%") ? [plain, unescaped(secret).bytes] : [plain];
}

/** Where `wanted` stands in `text`; of occurrences that overlap, the first. */
function* occurrences(text: string, wanted: string): Iterable<number> {
  // An escape at the end of a secret may leave nothing of it, and nothing is everywhere.
  for (let at = wanted === "" ? -1 : text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length)) {
    yield at;
  }
}

function replaceMarked(text: string, marks: Uint8Array, replacement: string): string {
  let result = "";
  let done = 0;
  for (let start = marks.indexOf(1); start !== -1; start = marks.indexOf(1, done)) {
    const end = marks.indexOf(0, start);
    result += text.slice(done, start) + replacement;
    done = end === -1 ? text.length : end;
  }
  return result + text.slice(done);
}

/** What a text says: its UTF-8 bytes, each as one character. */
interface Reading {
  readonly bytes: string;
  /** Where in the text each byte comes from; undefined where each is at its own place. */
  readonly starts: readonly number[] | undefined;
}

function unescaped(text: string): Reading {
  return withoutJsonEscapes(withoutPercentEncoding(bytesOf(text)));
}

function bytesOf(text: string): Reading {
  return reread({ bytes: text, starts: undefined }, /[\u0080-\u{10ffff}]/gu, latin1);
}

function withoutPercentEncoding(reading: Reading): Reading {
  return reread(reading, /%[0-9a-f]{2}/gi, (octet) => String.fromCharCode(Number.parseInt(octet.slice(1), 16)));
}

const JSON_ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

/** However many backslashes an escape has: JSON within JSON doubles them. A form's `+` is a space. */
function withoutJsonEscapes(reading: Reading): Reading {
  const { bytes, starts } = reread(reading, /\\+(?:u[0-9a-f]{4}|[\s\S]?)/gi, (token) => {
    const said = token.replace(/^\\+/, "");
    return said.length === 5
      ? latin1(String.fromCharCode(Number.parseInt(said.slice(1), 16)))
      : (JSON_ESCAPES[said] ?? said);
  });
  return { bytes: bytes.replaceAll("+", " "), starts };
}

/** Reads every match of `escapes` as what it says, and leaves what is between them. */
function reread(reading: Reading, escapes: RegExp, read: (escaped: string) => string): Reading {
  const { bytes } = reading;
  if (bytes.search(escapes) === -1) {
    return reading;
  }
  const starts: number[] = [];
  let result = "";
  const add = (said: string, from: number, step: 0 | 1) => {
    result += said;
    for (let at = 0; at < said.length; at++) {
      const place = from + at * step;
      starts.push(reading.starts === undefined ? place : (reading.starts[place] ?? place));
    }
  };
  let done = 0;
  for (const { 0: token, index } of bytes.matchAll(escapes)) {
    add(bytes.slice(done, index), done, 1);
    add(read(token), index, 0);
    done = index + token.length;
  }
  add(bytes.slice(done), done, 1);
  return { bytes: result, starts };
}

function latin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
