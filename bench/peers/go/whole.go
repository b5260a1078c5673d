package main

import (
	"fmt"
	"maps"
	"slices"
)

const (
	grace   = 2 * minute
	horizon = 15 * minute
	skew    = minute
	// Swaps leave a token's list this long after the horizon, so that the list has all swaps of a bucket that may still change.
	margin = minute
	// sweepInterval is event time.
	sweepInterval = 5 * minute
	// A swap of the age of the horizon may stand on a list behind a new one, and leaves with it.
	rememberMin = 2*horizon + margin
)

// recent is a swap of a token that may still change.
type recent struct {
	time   int64
	number uint32
}

type token struct {
	history history
	// recent is in the order of arrival.
	recent []recent
	// settled is the time up to which swaps have left recent.
	settled int64
}

type counters struct {
	Applied     int64 `json:"applied"`
	Duplicates  int64 `json:"duplicates"`
	Late        int64 `json:"late"`
	Quarantined int64 `json:"quarantined"`
	Removed     int64 `json:"removed"`
	Unresolved  int64 `json:"unresolved"`
}

// wholeJob has the state of a partition. One goroutine uses it.
type wholeJob struct {
	remember int64
	highs    map[uint32]int64
	numbers  map[tokenID]uint32
	tokens   []token
	swaps    inclusions
	traders  traders
	counters counters
	event    wholeEvent
	// swept is the time of the last sweep.
	swept int64
}

func newWholeJob(remember int64) *wholeJob {
	return &wholeJob{
		remember: remember,
		highs:    make(map[uint32]int64),
		numbers:  make(map[tokenID]uint32),
		swaps:    newInclusions(),
		traders:  make(traders),
	}
}

// apply takes a record. Its checks are in the order of the semantics.
func (j *wholeJob) apply(record []byte, arrival int64) error {
	e := &j.event
	*e = wholeEvent{}
	if err := parseJSON(record, e); err != nil {
		return err
	}
	if e.EventTime > arrival+skew {
		j.counters.Quarantined++
		return nil
	}
	high := max(j.highs[e.ChainID], e.EventTime)
	j.highs[e.ChainID] = high
	if e.EventTime < high-horizon {
		j.refuse()
		return nil
	}
	key, err := j.keyOf()
	if err != nil {
		return err
	}
	in, err := e.inclusion()
	if err != nil {
		return err
	}
	in.key = key
	last := j.rememberedLast(key, high)
	if last == 0 && !e.Removed && e.EventTime < high-grace {
		j.refuse()
		return nil
	}
	return j.applyInclusion(in, last, high)
}

func (j *wholeJob) refuse() {
	if j.event.Removed {
		j.counters.Unresolved++
	} else {
		j.counters.Late++
	}
}

// keyOf gives a token its number at its first record.
func (j *wholeJob) keyOf() (key swapKey, err error) {
	id, err := j.event.token()
	if err != nil {
		return key, err
	}
	number, isKnown := j.numbers[id]
	if !isKnown {
		number = uint32(len(j.tokens))
		j.numbers[id] = number
		j.tokens = append(j.tokens, token{})
	}
	key.token, key.log = number, j.event.LogIndex
	return key, decodeHex(key.tx[:], j.event.TxHash)
}

// rememberedLast returns the last inclusion of a swap, or 0 if the swap is unknown or all its inclusions have settled.
func (j *wholeJob) rememberedLast(key swapKey, high int64) uint32 {
	last := j.swaps.last[key]
	for in := j.swaps.at(last); in != nil; in = j.swaps.at(in.previous) {
		if in.time >= high-horizon {
			return last
		}
	}
	return 0
}

func (j *wholeJob) applyInclusion(in inclusion, last uint32, high int64) error {
	t := &j.tokens[in.key.token]
	t.history.age(high)
	j.settle(t, high-horizon-margin)
	before := j.swaps.counting(last)
	same := j.swaps.at(last)
	for same != nil && same.blockHash != in.blockHash {
		same = j.swaps.at(same.previous)
	}
	isRemoval := j.event.Removed
	if same != nil && (isRemoval && same.removed || !isRemoval && same.present) {
		j.counters.Duplicates++
		return nil
	}
	if same == nil {
		last, same = j.swaps.add(in, last == 0)
		if last%chunkLength == 0 {
			j.sweep()
		}
	}
	if isRemoval {
		same.removed = true
		j.counters.Removed++
	} else {
		// A removal that came first has the same content.
		same.present = true
		j.counters.Applied++
	}
	after := j.swaps.counting(last)
	if before == after {
		return nil
	}
	if before != 0 {
		if err := j.takeOut(t, before); err != nil {
			return err
		}
	}
	if after != 0 {
		j.count(t, after)
	}
	return nil
}

func (j *wholeJob) count(t *token, number uint32) {
	in := j.swaps.at(number)
	b, _ := t.history.bucketOf(in.time)
	b.add(number, in, &j.swaps)
	t.recent = append(t.recent, recent{in.time, number})
}

// takeOut makes the bucket of a swap again from the other swaps, since a high or a low cannot be taken back.
func (j *wholeJob) takeOut(t *token, number uint32) error {
	in := j.swaps.at(number)
	if in.time < t.settled {
		return fmt.Errorf("a settled inclusion is replaced, which this feed does not have")
	}
	b, end := t.history.bucketOf(in.time)
	*b = bucket{start: b.start}
	kept := t.recent[:0]
	for _, r := range t.recent {
		if r.number == number {
			continue
		}
		kept = append(kept, r)
		if r.time >= b.start && r.time < end {
			b.add(r.number, j.swaps.at(r.number), &j.swaps)
		}
	}
	t.recent = kept
	return nil
}

// settle hands the traders of swaps that can no longer change to the table of traders.
func (j *wholeJob) settle(t *token, before int64) {
	n := 0
	for n < len(t.recent) && t.recent[n].time < before {
		in := j.swaps.at(t.recent[n].number)
		j.traders.add(in)
		n++
	}
	t.recent = t.recent[n:]
	t.settled = max(t.settled, before)
}

// sweep forgets swaps and traders, and does for the tokens that no swap touches what applyInclusion does for the others.
func (j *wholeJob) sweep() {
	low := slices.Min(slices.Collect(maps.Values(j.highs)))
	if low < j.swept+sweepInterval {
		return
	}
	j.swept = low
	for i := range j.tokens {
		t := &j.tokens[i]
		t.history.age(low)
		j.settle(t, low-horizon-margin)
	}
	j.swaps.forget(low - j.remember)
	j.traders.forget(low - day - minute)
}
