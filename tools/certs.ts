import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { holderOf, person } from "./certificates/holders.ts";
import { renewCertificates } from "./certificates/renewal.ts";
import { curlCommand, describeKept, describeMade } from "./certificates/report.ts";
import { findServices } from "./services.ts";

// Makes certificates for development: an authority, one for each service and one for whoever uses curl, all for a week.
// What is there and good stays as it is. Nobody outside this machine trusts them, and nobody should.

const root = join(import.meta.dirname, "..");

/** Where to; nothing where something else was asked for. */
function chosenFolder(args: readonly string[]): string | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { folder: { type: "string" } } });
    return values.folder === "" ? undefined : resolve(values.folder ?? join(root, "certs"));
  } catch {
    return undefined; // It has no word for what is allowed.
  }
}

async function makeCertificates(folder: string): Promise<void> {
  const services = await findServices(root);
  const holders = [...services.map(({ name }) => holderOf(name)), person];
  const kept = await renewCertificates(folder, holders);
  const made = describeMade(folder, kept);
  console.log((made.length > 0 ? made : [describeKept(folder, kept)]).join("\n"));
  // The last one calls the others: it is the one to ask.
  const port = services.at(-1)?.port;
  if (port !== undefined) console.log(`\nTo call a service with them:\n  ${curlCommand(folder, port)}`);
}

const folder = chosenFolder(process.argv.slice(2));
if (folder === undefined) {
  console.error("npm run certs takes nothing but -- --folder <path>.");
  process.exit(1);
}
try {
  await makeCertificates(folder);
} catch (error) {
  console.error(`Certificates could not be made: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
