/** Places of the page. They are written in the address behind `#`, so a place can be kept and sent to others. */

const VIEWS = ["screener", "token", "inspector", "operations"] as const;
export type ViewName = (typeof VIEWS)[number];

/** Parameters to set. Undefined and the empty text remove a parameter. */
export type ParamChanges = Readonly<Record<string, string | undefined>>;

/** The place that is shown, for its view. */
export type Route = {
  readonly view: ViewName;
  /** Rest of the path: the id of a token. Empty: none. */
  readonly id: string;
  readonly params: URLSearchParams;
  /** Changes parameters of this place. `replace`: without a new entry in the browser's history. */
  set(changes: ParamChanges, options?: { readonly replace?: boolean }): void;
};

/** Returns the address of a place, for a link. Parameters that are undefined or empty are left out. */
export function hrefTo(view: ViewName, id = "", params: ParamChanges = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") query.set(name, value);
  return write(view, id, query);
}

/** Returns the place that an address names. Unknown places are the screener. */
export function readHash(hash: string): Pick<Route, "view" | "id" | "params"> {
  const [path = "", query = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [first = "", rest = ""] = split(path, "/");
  const params = new URLSearchParams(query);
  const view = VIEWS.find((name) => name === first);
  return view === undefined ? { view: "screener", id: "", params } : { view, id: decoded(rest), params };
}

/** Returns the address of the place after changes of its parameters. */
export function changedHash(hash: string, changes: ParamChanges): string {
  const { view, id, params } = readHash(hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  return write(view, id, params);
}

function write(view: ViewName, id: string, params: URLSearchParams): string {
  // Colons and commas stay readable; they have no meaning in this part of an address.
  const readable = (text: string): string => text.replaceAll("%3A", ":").replaceAll("%2C", ",");
  const query = readable(params.toString());
  const path = id === "" ? view : `${view}/${readable(encodeURIComponent(id))}`;
  return `#/${path}${query === "" ? "" : `?${query}`}`;
}

function split(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that begins no code, typed by hand.
    return text;
  }
}
