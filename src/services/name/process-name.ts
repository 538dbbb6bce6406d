/** A name as this system writes it: in upper case. */
export function processName(name: string): string {
  return name.toUpperCase();
}
