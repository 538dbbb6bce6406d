import { runInCall } from "../call/current.ts";
import type { UpgradeHandler } from "../server/http1-server.ts";
import type { ServedExchange } from "../server/served-exchange.ts";
import type { Handler } from "../wire/exchange.ts";

/**
 * Hands connections over that ask for an upgrade, once the handlers before it have let them pass. The call lasts as long
 * as the connection; a handler that throws ends both.
 */
export function upgradeHandler(upgrade: UpgradeHandler): Handler<ServedExchange> {
  return (exchange) => {
    if (!exchange.offersUpgrade) {
      return undefined;
    }
    const { socket, head } = exchange.takeOver();
    try {
      const { request } = exchange.nodeMessages(false);
      runInCall(exchange.call, () => upgrade(request, socket, head));
    } catch (error) {
      runInCall(exchange.call, () => exchange.call.log.error({ err: error }, "an upgrade failed"));
      socket.destroy();
    }
    return Promise.resolve();
  };
}
