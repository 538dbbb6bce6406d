/** What is wrong with the variables of TLS beside each other: a variable, and what is the matter. */
export function tlsProblems(
  set: Readonly<Record<string, unknown>>,
): readonly (readonly [name: string, problem: string])[] {
  const isSet = (name: string) => set[name] !== undefined;
  const problems: [string, string][] = [];
  if (isSet("TLS_CERT_FILE") !== isSet("TLS_KEY_FILE")) {
    const [given, missing] = isSet("TLS_CERT_FILE")
      ? ["TLS_CERT_FILE", "TLS_KEY_FILE"]
      : ["TLS_KEY_FILE", "TLS_CERT_FILE"];
    problems.push([missing, `${given} needs it`]);
  } else if (isSet("TLS_CLIENT_CA_FILE") && !isSet("TLS_CERT_FILE")) {
    problems.push([
      "TLS_CLIENT_CA_FILE",
      "clients are asked for certificates by TLS only: TLS_CERT_FILE and TLS_KEY_FILE are needed beside it",
    ]);
  }
  if (isSet("TLS_CLIENT_AUTH") && !isSet("TLS_CLIENT_CA_FILE")) {
    problems.push(["TLS_CLIENT_AUTH", "TLS_CLIENT_CA_FILE is needed beside it: whose certificates are accepted"]);
  }
  return problems;
}
