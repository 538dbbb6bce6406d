import type { Handler } from "../wire/exchange.ts";

/**
 * Has the log hide what a query's secret parameters hold, wherever a line of the call would quote them: a handler that
 * logs its URL as well. Leaves every exchange to the next handler.
 *
 * @param secretNames lower-case names of parameters that hide their value
 */
export function hideQuery(secretNames: () => ReadonlySet<string>): Handler {
  return ({ call, query }) => {
    if (query !== "") {
      for (const [name, value] of new URLSearchParams(query)) {
        if (secretNames().has(name.toLowerCase())) {
          call.hide([value]);
        }
      }
    }
    return undefined;
  };
}
