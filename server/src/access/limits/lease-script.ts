/**
 * The script by which Redis keeps buckets. A bucket is one key: the instant in microseconds at which it is full, as in token-bucket.ts. A key that is
 * absent is a full bucket, so keys expire when their bucket is full. The clock is that of Redis, for all instances the same.
 *
 * A grant may reach `AHEAD_US` into the future: its later units can be used from their own instants on. Without this a sender at its limit would get one
 * unit with each request to Redis. If the clock of Redis is set back, a bucket counts as empty at worst, and is full again after its usual time.
 */

/** How far a lease may reach into the future, in microseconds. */
const AHEAD_US = 500_000;

/** Numbers of each key in ARGV. */
const ARGUMENTS_PER_KEY = 5;

/** ARGV for each key: interval in microseconds, burst, units at least, units at most, units that come back. Returns units, full in, and wait, in microseconds. */
export const LEASE_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead = ${AHEAD_US}
local answers = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * ${ARGUMENTS_PER_KEY}
  local interval, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local least, most, back = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local span = burst * interval
  local full = (tonumber(redis.call('GET', key) or 0) or 0) - back * interval
  full = math.min(math.max(full, now), now + span + ahead)
  local free = math.floor((now + span + ahead - full) / interval + 0.000001)
  local wait = full + least * interval - span - now
  local units = 0
  if free >= least then units = math.min(free, most) end
  local before = full - now
  full = full + units * interval
  if full > now then
    redis.call('SET', key, string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  else
    redis.call('DEL', key)
  end
  answers[#answers + 1] = units
  answers[#answers + 1] = string.format('%.3f', before)
  answers[#answers + 1] = units > 0 and '0' or string.format('%.3f', math.max(wait, 0))
end
return answers
`;
