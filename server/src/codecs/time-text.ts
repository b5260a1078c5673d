import { EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN } from "./limits.ts";

const MS_PER_DAY = 86_400_000;
/** Bytes of `2026-01-01T00:00:00`. */
const SECONDS_END = 19;

/**
 * Returns the milliseconds since 1970 of the RFC 3339 time in bytes, with fractions of any length cut to milliseconds. -1 when
 * it is none, names a date or time that does not exist, has a leap second or no zone, or is outside the range of event times.
 */
export function readTime(buf: Uint8Array, start: number, end: number): number {
  if (end - start <= SECONDS_END) return -1;
  if (buf[start + 4] !== 0x2d || buf[start + 7] !== 0x2d || (buf[start + 10] | 0x20) !== 0x74) return -1;
  if (buf[start + 13] !== 0x3a || buf[start + 16] !== 0x3a) return -1;
  const century = twoDigits(buf, start);
  const yearOfCentury = twoDigits(buf, start + 2);
  const month = twoDigits(buf, start + 5);
  const day = twoDigits(buf, start + 8);
  const hour = twoDigits(buf, start + 11);
  const minute = twoDigits(buf, start + 14);
  const second = twoDigits(buf, start + 17);
  if (century < 0 || yearOfCentury < 0 || hour < 0 || minute < 0 || second < 0) return -1;
  if (hour > 23 || minute > 59 || second > 59) return -1;
  const year = century * 100 + yearOfCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return -1;

  let p = start + SECONDS_END;
  let ms = 0;
  if (buf[p] === 0x2e) {
    p++;
    const fraction = p;
    for (let scale = 100; p < end && buf[p] >= 0x30 && buf[p] <= 0x39; p++) {
      ms += (buf[p] - 0x30) * scale;
      scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
    }
    if (p === fraction) return -1;
  }
  const zoneMinutes = readZone(buf, p, end);
  if (zoneMinutes === NO_ZONE) return -1;
  const time =
    daysSince1970(year, month, day) * MS_PER_DAY + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1000 + ms;
  return time >= EVENT_TIME_MS_MIN && time <= EVENT_TIME_MS_MAX ? time : -1;
}

const NO_ZONE = Number.MAX_SAFE_INTEGER;

/** Minutes east of UTC. */
function readZone(buf: Uint8Array, p: number, end: number): number {
  if (p + 1 === end && (buf[p] | 0x20) === 0x7a) return 0;
  if (p + 6 !== end || (buf[p] !== 0x2b && buf[p] !== 0x2d) || buf[p + 3] !== 0x3a) return NO_ZONE;
  const hours = twoDigits(buf, p + 1);
  const minutes = twoDigits(buf, p + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NO_ZONE;
  return buf[p] === 0x2d ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

function twoDigits(buf: Uint8Array, p: number): number {
  const tens = buf[p] - 0x30;
  const ones = buf[p + 1] - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Returns the days from 1970-01-01 in the Gregorian calendar. Years are counted from March, which makes the leap day the last
 * day of a year and the months a straight line (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const monthFromMarch = month <= 2 ? month + 9 : month - 3;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return shifted * 365 + leapDays + dayOfYear - 719_468;
}
