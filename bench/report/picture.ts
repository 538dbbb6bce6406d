/** A group of bars, on a scale of its own. */
export interface Bars {
  readonly title: string;
  /** Microseconds, by what they are of. */
  readonly bars: readonly { readonly label: string; readonly us: number; readonly isOurs: boolean }[];
}

const WIDTH = 880;
const LEFT = 150;
const BAR = { height: 18, step: 25 };
const TITLE_HEIGHT = 34;
const GROUP_GAP = 18;
const TOP = 64;
/** Beside the longest bar, for its figure. */
const FIGURE_WIDTH = 90;

const STYLE = `
    text { fill: #1f2933; font-size: 14px; }
    .title { font-size: 20px; font-weight: 600; }
    .group { font-size: 15px; font-weight: 600; }
    .small { font-size: 12.5px; fill: #52606d; }
    .figure { font-size: 13px; font-variant-numeric: tabular-nums; }
    .other { fill: #9aa5b1; }
    .ours { fill: #0b7a75; }
    .strong { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e7eb; }
      .small { fill: #aab4c0; }
      .other { fill: #59636e; }
      .ours { fill: #2bb8b0; }
    }
  `;

/** Draws groups of bars, one below the other, with the shortest bar on top: SVG for pages that are light or dark. */
export function drawBars(title: string, subtitle: string, groups: readonly Bars[]): string {
  let y = TOP;
  const drawn = groups.map(({ title: group, bars }) => {
    const most = Math.max(...bars.map(({ us }) => us));
    const lines = [`<text class="group" x="20" y="${y + 16}">${escapeXml(group)}</text>`];
    y += TITLE_HEIGHT;
    for (const { label, us, isOurs } of bars.toSorted((a, b) => a.us - b.us)) {
      const width = Math.max(1, ((WIDTH - LEFT - FIGURE_WIDTH) * us) / most);
      const strong = isOurs ? " strong" : "";
      const middle = y + BAR.height - 4.5;
      lines.push(
        `<text class="label${strong}" x="${LEFT - 10}" y="${middle}" text-anchor="end">${escapeXml(label)}</text>`,
        `<rect class="${isOurs ? "ours" : "other"}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" rx="2"/>`,
        `<text class="figure${strong}" x="${(LEFT + width + 8).toFixed(1)}" y="${middle}">${figure(us)} µs</text>`,
      );
      y += BAR.step;
    }
    y += GROUP_GAP;
    return lines.join("\n  ");
  });
  const description = groups
    .map(
      ({ title: group, bars }) => `${group}: ${bars.map(({ label, us }) => `${label} ${figure(us)} µs`).join(", ")}.`,
    )
    .join(" ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="title description" font-family="system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif">
  <title id="title">${escapeXml(title)}</title>
  <desc id="description">${escapeXml(description)}</desc>
  <style>${STYLE}</style>
  <text class="title" x="20" y="28">${escapeXml(title)}</text>
  <text class="small" x="20" y="48">${escapeXml(subtitle)}</text>
  ${drawn.join("\n  ")}
</svg>
`;
}

function figure(us: number): string {
  return us < 20 ? us.toFixed(1) : us.toFixed(0);
}

function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
