import { expect, test } from "vitest";
import { drawBars } from "./picture.ts";

test("a bar is as long as its figure, beside the longest", () => {
  const bars = [
    { label: "theirs <1>", us: 40, isOurs: false },
    { label: "ours", us: 4, isOurs: true },
  ];
  const picture = drawBars("A & B", "less is better", [{ title: "unary", bars }]);
  const [ours, theirs] = [...picture.matchAll(/<rect class="(\w+)".* width="([\d.]+)"/g)];
  expect([ours?.[1], theirs?.[1]]).toEqual(["ours", "other"]);
  expect(Number(theirs?.[2]) / Number(ours?.[2])).toBeCloseTo(10, 1);
  expect(picture).toContain(">4.0 µs</text>");
  expect(picture).toContain("A &amp; B");
  expect(picture).toContain("theirs &lt;1&gt;");
});
