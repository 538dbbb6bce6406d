import { load } from "./load.ts";

// The process of those who call and are not ours: `strangers.ts <url> <seed> <workers> <milliseconds>`. It tells its counts.

const [url = "", seed, workers, durationMs] = process.argv.slice(2);
const signal = AbortSignal.timeout(Number(durationMs));
process.send?.(await load(url, Number(seed), Number(workers), signal, "strangers"));
process.disconnect?.();
