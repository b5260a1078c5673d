/** Attributes of an element that scrolls and holds no control: keyboards reach and scroll it, and it has a name. */
export const scrollable = (label: string) => ({ tabIndex: 0, role: "region", "aria-label": label }) as const;
