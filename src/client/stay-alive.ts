/** The longest interval that Node's timers hold. */
const FOR_EVER_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive for as long as somebody waits for what does not do so itself, such as a timer or an idle
 * connection.
 */
export class StayAlive {
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  begin(): void {
    this.#waiting++;
    this.#timer ??= setInterval(() => undefined, FOR_EVER_MS);
  }

  end(): void {
    this.#waiting--;
    if (this.#waiting === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
