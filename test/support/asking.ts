import { http2Client } from "./http2-client.ts";

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Asks for a path of the service at `url`. */
export type Asking = (url: string, path: string, asked?: Asked) => Promise<Told>;

export const overHttp1: Asking = async (url, path, asked = {}) => {
  const response = await fetch(new URL(path, url), asked);
  return { status: response.status, headers: response.headers, body: await response.text() };
};

export const overHttp2: Asking = async (url, path, { method = "GET", headers = {}, body } = {}) => {
  using client = await http2Client(url);
  const answer = await client.request({ ":method": method, ":path": path, ...headers }, body);
  const fields = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
    name.startsWith(":") || value === undefined ? [] : [[name, [value].flat().join(", ")]],
  );
  return { status: answer.status, headers: new Headers(fields), body: answer.body };
};
