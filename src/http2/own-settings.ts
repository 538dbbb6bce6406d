import { DEFAULT_SETTINGS, type Settings, settingsThatDiffer } from "./settings.ts";

/** Settings of ours that the peer has not acknowledged. */
interface Announced {
  readonly settings: Settings;
  readonly at: number;
}

/** The settings that we announce. Each change holds from the moment on at which the peer acknowledges it (RFC 9113, 6.5.3). */
export class OwnSettings {
  #current: Settings = DEFAULT_SETTINGS;
  #announced: readonly Announced[] = [];

  /** What holds. */
  get current(): Settings {
    return this.#current;
  }

  /** When the oldest was announced that is not acknowledged. */
  get announcedAt(): number | undefined {
    return this.#announced[0]?.at;
  }

  /** The peer has not acknowledged the first: it may not know them. */
  get areUnknown(): boolean {
    return this.#current === DEFAULT_SETTINGS;
  }

  /** Returns what has to be sent. */
  announce(changes: Partial<Settings>, now: number): readonly (readonly [identifier: number, value: number])[] {
    const previous = this.#announced.at(-1)?.settings ?? this.#current;
    const settings = { ...previous, ...changes };
    this.#announced = [...this.#announced, { settings, at: now }];
    return settingsThatDiffer(previous, settings);
  }

  /** Takes an acknowledgement; returns what now holds, or undefined where nothing was to be acknowledged. */
  acknowledge(): Settings | undefined {
    const [acknowledged, ...others] = this.#announced;
    this.#announced = others;
    if (acknowledged !== undefined) {
      this.#current = acknowledged.settings;
    }
    return acknowledged?.settings;
  }
}
