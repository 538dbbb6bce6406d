export { implement } from "./wire/implement.ts";
