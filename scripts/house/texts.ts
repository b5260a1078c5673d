/** Rules about texts: length of files, no path of one machine, no registry host, no dead link. */
import { posix } from "node:path";
import type { Files, Problem } from "./problem.ts";
import { isCode } from "./source.ts";

export const FILE_LINES_MAX = 400;
// Written in pieces, so that this file does not break its own rule.
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [new RegExp("/" + "work/"), "a path of one machine"],
  [new RegExp("(^|[\\s\"'`(=])/" + "(home|Users)/[a-z]"), "a path of one machine"],
  [new RegExp("(^|[\\s\"'`(=])/" + "root/"), "a path of one machine"],
  [new RegExp("registry" + "\\.(npmjs|yarnpkg)\\."), "the host of a package registry"],
  [
    new RegExp("(repo1?\\.maven|files\\.python" + "hosted|pypi|deb\\.debian|proxy\\.golang)\\.(org|apache|com)"),
    "the host of a package registry",
  ],
  [new RegExp("(<<<<" + "<<<|>>>>" + ">>>) "), "a mark of an unfinished merge"],
];
const UNFINISHED = new RegExp("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b");

export function checkTexts(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const [file, text] of files) {
    if (file.startsWith("server/test/fixtures/")) continue;
    const lines = text.split("\n");
    if (isCode(file) && lines.length - 1 > FILE_LINES_MAX) {
      problems.push({
        file,
        line: FILE_LINES_MAX + 1,
        message: `${lines.length - 1} lines, the limit is ${FILE_LINES_MAX}`,
      });
    }
    lines.forEach((line, i) => {
      for (const [pattern, what] of FOREIGN) {
        if (pattern.test(line)) problems.push({ file, line: i + 1, message: `names ${what}` });
      }
      if (UNFINISHED.test(line)) problems.push({ file, line: i + 1, message: "a note of unfinished work" });
    });
    if (file.endsWith(".md")) problems.push(...deadLinks(file, lines, files));
  }
  return problems;
}

/** Finds relative links whose file is missing, and links to a missing heading. */
function deadLinks(file: string, lines: readonly string[], files: Files): Problem[] {
  const problems: Problem[] = [];
  let inCode = false;
  lines.forEach((line, i) => {
    if (line.trimStart().startsWith("```")) inCode = !inCode;
    if (inCode) return;
    for (const match of line.matchAll(/\]\(([^)\s]+)\)/g)) {
      const link = match[1]!;
      if (/^[a-z]+:/.test(link)) continue;
      const [path, heading] = link.split("#");
      const target = path === "" ? file : posix.normalize(posix.join(posix.dirname(file), path!));
      const message = linkProblem(target, heading, files);
      if (message !== undefined) problems.push({ file, line: i + 1, message: `link to ${link}: ${message}` });
    }
  });
  return problems;
}

function linkProblem(target: string, heading: string | undefined, files: Files): string | undefined {
  const folder = target.endsWith("/") ? target : `${target}/`;
  const text = files.get(target);
  if (text === undefined) return [...files.keys()].some((file) => file.startsWith(folder)) ? undefined : "no such file";
  if (heading === undefined || !target.endsWith(".md")) return undefined;
  return headings(text).has(heading) ? undefined : `no heading #${heading}`;
}

/** Returns anchors as GitHub builds them: lower case, punctuation removed, spaces as hyphens. */
function headings(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const match of markdown.matchAll(/^#{1,6}\s+(.+?)\s*$/gm)) {
    const text = match[1]!.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "");
    anchors.add(text.replaceAll(" ", "-"));
  }
  return anchors;
}
