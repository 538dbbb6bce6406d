// Calls the greeter by fetch alone, without a client library, to show what goes over the wire.
// The protocol is Connect's: https://connectrpc.com/docs/protocol

/** More than any greeting can be; what claims to be longer is no stream of ours. */
const maxMessageBytes = 4 * 1024 * 1024;

/** @typedef {{ method: string, path: string, headers: Record<string, string>, body?: string }} Call */
/** @typedef {{ code: string, message: string, violations: { field: string, description: string }[], others: string[] }} Problem */

// ---------------------------------------------------------------------------------------------- what goes over the wire

/** @returns {Call} */
function sayHelloByConnect(/** @type {string} */ name) {
  return {
    method: "POST",
    path: "/greeter.v1.GreeterService/SayHello",
    headers: { "connect-protocol-version": "1", "content-type": "application/json" },
    body: JSON.stringify({ name }),
  };
}

/** @returns {Call} */
function sayHelloByRest(/** @type {string} */ name) {
  return {
    method: "GET",
    path: `/api/v1/say-hello?${new URLSearchParams({ name })}`,
    headers: { accept: "application/json" },
  };
}

/** @returns {Call} */
function sayHelloToEach(/** @type {string[]} */ names) {
  return {
    method: "POST",
    path: "/greeter.v1.GreeterService/SayHelloToEach",
    headers: { "connect-protocol-version": "1", "content-type": "application/connect+json" },
    body: JSON.stringify({ names }),
  };
}

/** A message in its envelope: a byte of flags (none here) and the length in four bytes, big-endian. */
function envelope(/** @type {string} */ json) {
  const message = new TextEncoder().encode(json);
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/**
 * The envelopes of a body, whole, wherever its chunks begin and end. The one flagged 0x02 ends the stream; a body that
 * stops without it was cut off.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{ isEnd: boolean, json: string }>}
 */
async function* readEnvelopes(body) {
  const reader = body.getReader();
  let unread = new Uint8Array();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("The stream broke off before its end.");
      const joined = new Uint8Array(unread.length + value.length);
      joined.set(unread);
      joined.set(value, unread.length);
      unread = joined;
      while (unread.length >= 5) {
        const flags = unread[0] ?? 0;
        const length = new DataView(unread.buffer, unread.byteOffset).getUint32(1);
        if (flags & 0x01) throw new Error("A message came compressed, which this page did not offer to read.");
        if (length > maxMessageBytes) throw new Error(`A message claims to be ${length} bytes long.`);
        if (unread.length < 5 + length) break;
        const isEnd = (flags & 0x02) !== 0;
        yield { isEnd, json: new TextDecoder().decode(unread.subarray(5, 5 + length)) };
        if (isEnd) return;
        unread = unread.subarray(5 + length);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined); // the body may have failed already, which read() has said
  }
}

/**
 * What an error body says: Connect's error JSON, or the RFC 9457 problem of the REST side, which has the same code and
 * details.
 *
 * @returns {Problem}
 */
function problemOf(/** @type {any} */ json, /** @type {string} */ otherwise) {
  /** @type {Problem} */
  const problem = {
    code: typeof json?.code === "string" ? json.code : otherwise,
    message: String(json?.message ?? json?.detail ?? json?.title ?? ""),
    violations: [],
    others: [],
  };
  for (const detail of Array.isArray(json?.details) ? json.details : []) {
    const violations = detail?.debug?.fieldViolations;
    if (Array.isArray(violations)) problem.violations.push(...violations);
    else problem.others.push(detail?.debug === undefined ? String(detail?.type) : JSON.stringify(detail.debug));
  }
  return problem;
}

// ------------------------------------------------------------------------------------------------------- what is shown

/** @template {keyof HTMLElementTagNameMap} K @param {K} tag */
function make(tag, /** @type {string} */ text = "", /** @type {string} */ className = "") {
  const element = document.createElement(tag);
  element.textContent = text; // never innerHTML: names and answers are text
  element.className = className;
  return element;
}

/** The parts of one card, by the id of its section. */
function card(/** @type {string} */ id) {
  /** @returns {any} */
  const part = (/** @type {string} */ selector) => document.querySelector(`#${id} ${selector}`);
  const outcome = part(".outcome");
  const facts = part(".facts");
  const request = part(".request");
  const response = part(".response");
  const input = part("form :is(input:not([type=radio]), textarea)");
  /** @type {AbortController | undefined} */
  let underWay;

  return {
    form: part("form"),
    part,

    /** Begins a call, and ends the one before it if that still runs. */
    begin(/** @type {Call} */ call) {
      underWay?.abort();
      underWay = new AbortController();
      const { signal } = underWay;
      const startedAt = performance.now();
      request.textContent = written(`${call.method} ${call.path}`, Object.entries(call.headers), call.body);
      response.textContent = "Waiting…";
      facts.hidden = true;
      input.removeAttribute("aria-invalid");
      outcome.replaceChildren();
      return {
        signal,
        elapsed: () => milliseconds(performance.now() - startedAt),
        isCurrent: () => underWay?.signal === signal,
      };
    },

    stop() {
      underWay?.abort();
    },

    showResponse(/** @type {Response} */ { status, statusText, headers }, /** @type {string} */ body) {
      response.textContent = written(`${status} ${statusText}`.trim(), [...headers], body);
    },

    addToResponse(/** @type {string} */ line) {
      response.textContent += `${line}\n`;
    },

    showFacts(/** @type {Response | undefined} */ answer, /** @type {string} */ time) {
      const requestId = answer?.headers.get("x-request-id");
      facts.replaceChildren();
      for (const [term, value] of Object.entries({ Status: answer?.status, Time: time, "Request id": requestId })) {
        const pair = make("div");
        pair.append(make("dt", term), make("dd", String(value ?? "none")));
        facts.append(pair);
      }
      facts.hidden = false;
    },

    showOutcome(/** @type {string} */ text, /** @type {string} */ className) {
      outcome.replaceChildren(make("p", text, className));
    },

    showProblem(/** @type {Problem} */ { code, message, violations, others }) {
      const list = make("ul");
      for (const { field = "", description = "" } of violations) {
        const line = make("li", `: ${description}`);
        line.prepend(make("code", field));
        list.append(line);
      }
      list.append(...others.map((other) => make("li", other)));
      const problem = make("div", "", "problem");
      problem.append(make("strong", code), make("p", message), list);
      if (violations.length > 0) input.setAttribute("aria-invalid", "true");
      outcome.replaceChildren(problem);
    },

    /** Shows what kept a call from its answer, unless the user (or the next call) ended it. */
    showFailure(/** @type {unknown} */ error, /** @type {AbortSignal} */ signal) {
      if (signal.aborted) {
        this.showOutcome("Stopped.", "note");
        response.textContent = response.textContent.replace("Waiting…", "Stopped before an answer came.");
        return;
      }
      // fetch and the body's reader fail with a TypeError that says no more than "Failed to fetch" or "network error".
      const reason = error instanceof Error ? error.message : String(error);
      const message = error instanceof TypeError ? `The connection failed (${reason}). Does the service run?` : reason;
      response.textContent = response.textContent.replace("Waiting…", "No answer.");
      this.showProblem({ code: "no complete answer", message, violations: [], others: [] });
    },
  };
}

/** @param {string} firstLine @param {[string, string][]} headers @param {string | undefined} body */
function written(firstLine, headers, body) {
  const head = [firstLine, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n");
  return body === undefined ? head : `${head}\n\n${body}`;
}

function milliseconds(/** @type {number} */ duration) {
  return `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;
}

function parsed(/** @type {string} */ json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // an answer that is not ours, such as a proxy's page: it is shown as it came
  }
}

// ------------------------------------------------------------------------------------------------------ the two forms

const one = card("one");
one.form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const { name, wire } = one.form.elements;
  const isRest = wire.value === "rest";
  const call = isRest ? sayHelloByRest(name.value) : sayHelloByConnect(name.value);
  const { signal, elapsed, isCurrent } = one.begin(call);
  try {
    const response = await fetch(call.path, { ...call, signal });
    const text = await response.text();
    one.showFacts(response, elapsed());
    one.showResponse(response, text);
    const json = parsed(text);
    const greeting = isRest ? json : json?.greeting;
    if (response.ok && typeof greeting === "string") one.showOutcome(greeting, "greeting");
    else one.showProblem(problemOf(json, `HTTP ${response.status}`));
  } catch (error) {
    if (isCurrent()) one.showFailure(error, signal);
  }
});

const each = card("each");
const stopButton = each.part(".stop");
const greetings = each.part(".greetings");
stopButton.addEventListener("click", () => each.stop());
each.form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const names = each.form.elements.names.value.split("\n").filter((/** @type {string} */ name) => name.trim() !== "");
  const call = sayHelloToEach(names);
  const { signal, elapsed, isCurrent } = each.begin(call);
  greetings.replaceChildren();
  stopButton.disabled = false;
  /** @type {Response | undefined} */
  let response;
  try {
    response = await fetch(call.path, { ...call, body: envelope(call.body ?? ""), signal });
    // A stream's errors come at its end; a status other than 200 means that no stream began.
    if (
      !response.ok ||
      !response.body ||
      !response.headers.get("content-type")?.startsWith("application/connect+json")
    ) {
      const text = await response.text();
      each.showResponse(response, text);
      each.showProblem(problemOf(parsed(text), `HTTP ${response.status}`));
      return;
    }
    each.showResponse(response, "");
    for await (const { isEnd, json } of readEnvelopes(response.body)) {
      each.addToResponse(`[${isEnd ? "end of stream" : "message"} at ${elapsed()}] ${json}`);
      if (isEnd) {
        const { error } = parsed(json) ?? { error: { code: "unknown", message: "The stream's end cannot be read." } };
        const count = greetings.childElementCount;
        if (error) each.showProblem(problemOf(error, "unknown"));
        else each.showOutcome(`${count} ${count === 1 ? "greeting" : "greetings"}, then the end.`, "note");
      } else {
        const line = make("li");
        line.append(make("span", String(parsed(json)?.greeting ?? json)), make("time", elapsed()));
        greetings.append(line);
        greetings.scrollTop = greetings.scrollHeight;
      }
    }
  } catch (error) {
    if (isCurrent()) each.showFailure(error, signal);
  } finally {
    if (isCurrent()) {
      each.showFacts(response, elapsed());
      stopButton.disabled = true;
    }
  }
});
