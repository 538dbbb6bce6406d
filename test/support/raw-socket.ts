import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A connection by plain bytes, as a peer that keeps to no rules has one. Disposing it resets it. */
export interface RawSocket extends Disposable {
  readonly socket: Socket;
  /** Everything that came so far, one character a byte. */
  received(): string;
  send(bytes: string | Uint8Array): Promise<void>;
  /** Sends each byte in a segment of its own. */
  sendByteByByte(bytes: string | Uint8Array): Promise<void>;
  /** Resolves with all that came once it holds `pattern`; fails when the connection ends before. */
  until(pattern: string | ((received: string) => boolean)): Promise<string>;
  /** The next whole HTTP/1.1 answer; `head` tells that it answers a HEAD request. */
  answer(options?: { readonly head?: boolean }): Promise<RawAnswer>;
  /** Resolves when the peer has closed or reset the connection, with all that came. */
  readonly closed: Promise<string>;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface RawSocketOptions {
  /** Whether it goes on sending when the peer has ended its side. Default false. */
  readonly allowHalfOpen?: boolean;
}

/** Connects to the host and port of `url`. */
export async function rawSocket(url: string, { allowHalfOpen = false }: RawSocketOptions = {}): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), noDelay: true, allowHalfOpen });
  await once(socket, "connect");
  let received = "";
  let taken = 0;
  let ended = false;
  const watchers = new Set<() => void>();
  const wake = () => {
    for (const watcher of [...watchers]) watcher();
  };
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    wake();
  });
  socket.on("error", () => undefined); // a reset shows as the close that follows
  const closed = new Promise<string>((resolve) => {
    const end = () => {
      ended = true;
      wake();
      resolve(received);
    };
    socket.once("end", end);
    socket.once("close", end);
  });

  /** Resolves with what `read` finds, which is asked again whenever something came. */
  function when<T>(read: () => T | undefined, wanted: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = read();
        if (found === undefined && !ended) return;
        watchers.delete(look);
        if (found === undefined) {
          reject(new Error(`the connection ended before ${wanted}; it brought ${JSON.stringify(received)}`));
        } else {
          resolve(found);
        }
      };
      watchers.add(look);
      look();
    });
  }

  const send = (bytes: string | Uint8Array) =>
    new Promise<void>((resolve) => {
      socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, () => resolve());
    });

  return {
    socket,
    closed,
    send,
    received: () => received,
    async sendByteByByte(bytes) {
      for (const byte of Buffer.from(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)) {
        await send(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve)); // lets the other side read it alone
      }
    },
    until: (pattern) =>
      when(
        () => ((typeof pattern === "string" ? received.includes(pattern) : pattern(received)) ? received : undefined),
        String(pattern),
      ),
    answer({ head = false } = {}) {
      return when(() => {
        const read = readAnswer(received.slice(taken), head, ended);
        taken += read?.length ?? 0;
        return read?.answer;
      }, "a whole answer");
    },
    [Symbol.dispose]: () => socket.resetAndDestroy(),
  };
}

function readAnswer(text: string, head: boolean, ended: boolean): { answer: RawAnswer; length: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  if (headEnd === -1 || status === undefined) return undefined;
  const headers = new Headers(
    text
      .slice(0, headEnd)
      .split("\r\n")
      .slice(1)
      .map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      }),
  );
  const rest = text.slice(headEnd + 4);
  const done = (body: string, length: number) => ({
    answer: { status: Number(status), headers, body },
    length: headEnd + 4 + length,
  });
  if (head || /^(?:1..|204|304)$/.test(status)) return done("", 0);
  const contentLength = headers.get("content-length");
  if (contentLength !== null) {
    const length = Number(contentLength);
    return rest.length < length ? undefined : done(rest.slice(0, length), length);
  }
  if (headers.get("transfer-encoding") === "chunked") return readChunks(rest, done);
  return ended ? done(rest, rest.length) : undefined;
}

function readChunks<T>(rest: string, done: (body: string, length: number) => T): T | undefined {
  let body = "";
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(rest.slice(at, lineEnd), 16);
    if (size === 0) {
      const end = rest.indexOf("\r\n\r\n", lineEnd);
      return end === -1 ? undefined : done(body, end + 4);
    }
    if (rest.length < lineEnd + 2 + size + 2) return undefined;
    body += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
