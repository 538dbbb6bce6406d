export { type Fake, fake } from "./service/fakes.ts";
export {
  inCall,
  type LogLine,
  startTest,
  type TestApp,
  type TestCallOptions,
  type TestOptions,
} from "./service/start-test.ts";
export type { TestClock } from "./service/test-clock.ts";
