package main

import (
	"slices"
	"strconv"
)

// The small job: volume, trades, buys and sells in three windows, duplicates by id, lateness, sums in floats.

var smallWindows = []window{{"5m", 5 * minute, 5 * second}, {"1h", hour, 15 * second}, {"24h", day, minute}}

type smallSums struct {
	volume      float64
	buys, sells int64
}

type smallBucket struct {
	start int64
	smallSums
}

// slidingSums has the buckets of a token in a window, and their total.
type slidingSums struct {
	buckets []smallBucket
	total   smallSums
}

func (s *slidingSums) add(w window, time, high int64, volume float64, isBuy bool) {
	start := floorTo(time, w.step)
	i := len(s.buckets)
	for i > 0 && s.buckets[i-1].start > start {
		i--
	}
	if i == 0 || s.buckets[i-1].start != start {
		s.buckets = slices.Insert(s.buckets, i, smallBucket{start: start})
		i++
	}
	s.buckets[i-1].add(volume, isBuy)
	s.total.add(volume, isBuy)
	s.expire(w, high)
}

func (s *smallSums) add(volume float64, isBuy bool) {
	s.volume += volume
	if isBuy {
		s.buys++
	} else {
		s.sells++
	}
}

func (s *slidingSums) expire(w window, asOf int64) {
	from, _ := w.edges(asOf)
	for len(s.buckets) > 0 && s.buckets[0].start < from {
		b := s.buckets[0]
		s.total.volume -= b.volume
		s.total.buys -= b.buys
		s.total.sells -= b.sells
		s.buckets = s.buckets[1:]
	}
}

type smallToken [3]slidingSums

type smallID struct {
	tx    hash
	log   uint32
	chain uint32
}

type smallJob struct {
	remember int64
	highs    map[uint32]int64
	tokens   map[tokenID]*smallToken
	// ids by the hour of their event time: a copy has the same.
	ids   map[int64]map[smallID]struct{}
	event smallEvent
}

func newSmallJob(remember int64) *smallJob {
	return &smallJob{
		remember: remember,
		highs:    make(map[uint32]int64),
		tokens:   make(map[tokenID]*smallToken),
		ids:      make(map[int64]map[smallID]struct{}),
	}
}

func (j *smallJob) apply(record []byte, _ int64) error {
	e := &j.event
	*e = smallEvent{}
	if err := parseJSON(record, e); err != nil {
		return err
	}
	high := max(j.highs[e.ChainID], e.EventTime)
	j.highs[e.ChainID] = high
	if e.EventTime < high-grace {
		return nil
	}
	id := smallID{log: e.LogIndex, chain: e.ChainID}
	if err := decodeHex(id.tx[:], e.TxHash); err != nil {
		return err
	}
	if !j.isNew(id, e.EventTime, high) {
		return nil
	}
	volume, err := strconv.ParseFloat(e.AmountUSD, 64)
	if err != nil {
		return err
	}
	key, err := e.token()
	if err != nil {
		return err
	}
	t := j.tokens[key]
	if t == nil {
		t = new(smallToken)
		j.tokens[key] = t
	}
	for i, w := range smallWindows {
		t[i].add(w, e.EventTime, high, volume, e.isBuy())
	}
	return nil
}

func (j *smallJob) isNew(id smallID, time, high int64) bool {
	of := floorTo(time, hour)
	ids := j.ids[of]
	if ids == nil {
		ids = make(map[smallID]struct{})
		j.ids[of] = ids
		for other := range j.ids {
			if other+hour < high-j.remember {
				delete(j.ids, other)
			}
		}
	}
	before := len(ids)
	ids[id] = struct{}{}
	return len(ids) > before
}

func (j *smallJob) answer(q query, into *answer) {
	into.Counters = nil
	for id, t := range j.tokens {
		name := id.String()
		if !slices.Contains(q.IDs, name) {
			continue
		}
		into.Figures[name] = make(map[string]figures, len(smallWindows))
		for i, w := range smallWindows {
			t[i].expire(w, q.AsOf)
			total := t[i].total
			into.Figures[name][w.name] = figures{
				"trades": total.buys + total.sells, "buys": total.buys, "sells": total.sells,
				"volume_usd": strconv.FormatFloat(total.volume, 'f', -1, 64),
			}
		}
	}
}
