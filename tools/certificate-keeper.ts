import { join } from "node:path";
import { holderOf, person } from "./certificates/holders.ts";
import { renewCertificates } from "./certificates/renewal.ts";
import { describeMade } from "./certificates/report.ts";
import type { Placement } from "./placement.ts";

const checkEveryMs = 3_600_000;

/** Certificates for services that run here, as long as they run. */
export interface CertificateKeeper {
  /** Where they are; nothing where the services speak cleartext. */
  readonly folder: string | undefined;
  /**
   * Makes what is due for services that are placed so, and goes on to do it each hour: running services take up new files
   * by themselves.
   * @returns What went wrong, a line each.
   */
  keepFor(placements: readonly Placement[]): Promise<readonly string[]>;
}

/**
 * Reads whether the command that runs is asked for TLS. Ends the process with a line where it is asked for anything else.
 * @param command What a user calls it, such as `npm start`.
 * @param root The repository's folder.
 */
export function createCertificateKeeper(
  command: string,
  root: string,
  args: readonly string[] = process.argv.slice(2),
): CertificateKeeper {
  if (args.some((arg) => arg !== "--tls")) {
    console.error(`${command} takes nothing but -- --tls.`);
    process.exit(1);
  }
  if (args.length === 0) return { folder: undefined, keepFor: async () => [] };
  const folder = join(root, "certs");
  let timer: NodeJS.Timeout | undefined;
  return {
    folder,
    async keepFor(placements) {
      clearInterval(timer);
      timer = setInterval(async () => {
        for (const line of await renew(folder, placements)) console.error(line);
      }, checkEveryMs).unref();
      return renew(folder, placements);
    },
  };
}

async function renew(folder: string, placements: readonly Placement[]): Promise<readonly string[]> {
  try {
    const holders = placements.map(({ service, url }) => holderOf(service.name, hostIn(url)));
    for (const line of describeMade(folder, await renewCertificates(folder, [...holders, person]))) console.log(line);
    return [];
  } catch (error) {
    return [`Certificates could not be made: ${error instanceof Error ? error.message : error}`];
  }
}

/** Without the brackets of IPv6. */
function hostIn(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}
