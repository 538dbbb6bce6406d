/** Whether a query is a call's by its own word (Connect protocol, "Unary-Get-Request"): then it holds the message. */
export function isConnectQuery(query: string): boolean {
  return /(?:^|&)connect=v1(?:$|&)/.test(query);
}
