/** Pictures of controls, drawn on a field of 16 by 16. They have no meaning of their own: the control that holds one has a name. */

const PATHS = {
  screener: "M2.5 4h11M2.5 8h8M2.5 12h5",
  token: "M2.5 12.5l3.5-4 2.5 2 5-6.5M10.5 4h3v3",
  inspector: "M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5M9 3L7 13",
  operations: "M1.5 8.5h3l2-5 3 9 2-4h3",
  search: "M7 11.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM10.5 10.5l3.5 3.5",
  close: "M4 4l8 8M12 4l-8 8",
  chevron: "M4.5 6.5L8 10l3.5-3.5",
  check: "M3 8.5l3.5 3.5L13 4.5",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3l8 5-8 5z",
  more: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  columns: "M2.5 3.5h11v9h-11zM6.2 3.5v9M9.8 3.5v9",
  filter: "M2 3.5h12L9.5 9v4l-3-1.5V9z",
  plus: "M8 3v10M3 8h10",
  info: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 7.5V11M8 5h.01",
  warning: "M8 2.5l6 11H2zM8 7v3M8 11.8h.01",
  lock: "M4 7.5h8v6H4zM5.5 7.5v-2a2.5 2.5 0 015 0v2",
  sun: "M8 10.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.85.85M11.75 11.75l.85.85M3.4 12.6l.85-.85M11.75 4.25l.85-.85",
  moon: "M13 9.5A5.5 5.5 0 116.5 3a4.5 4.5 0 006.5 6.5z",
  system: "M2 3h12v8H2zM6 13.5h4",
  link: "M9.5 3h3.5v3.5M13 3L7.5 8.5M11 9.5V13H3V5h3.5",
  clock: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 4.8V8l2.2 1.6",
  back: "M9.5 3.5L5 8l4.5 4.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
