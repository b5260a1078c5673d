package main

import "bytes"

const chunkLength = 4096

// inclusion is one appearance of a swap in a block. It holds no pointers, so the garbage collector does not scan it.
type inclusion struct {
	key       swapKey
	blockHash hash
	time      int64
	block     uint64
	amount    amount
	usd       uint64
	price     float64
	who       address
	txIndex   uint32
	// previous is the number of the swap's inclusion before this one, or 0.
	previous         uint32
	isBuy            bool
	present, removed bool
}

type chunk struct {
	newest int64
	items  [chunkLength]inclusion
}

// inclusions remembers swaps: a log of inclusions in the order of their arrival, and an index of each swap's last one. Whole chunks are
// forgotten. Numbers begin at 1.
type inclusions struct {
	last   map[swapKey]uint32
	chunks []*chunk
	// first is the number of the first item of chunks[0].
	first, next uint32
}

func newInclusions() inclusions {
	return inclusions{last: make(map[swapKey]uint32), first: 1, next: 1}
}

// at returns nil for a forgotten inclusion, and for number 0.
func (s *inclusions) at(number uint32) *inclusion {
	if number < s.first {
		return nil
	}
	i := number - s.first
	return &s.chunks[i/chunkLength].items[i%chunkLength]
}

// add makes this the last inclusion of its swap. isFirst: the swap's earlier inclusions are settled and belong to it no more.
func (s *inclusions) add(in inclusion, isFirst bool) (number uint32, added *inclusion) {
	if (s.next-s.first)%chunkLength == 0 {
		s.chunks = append(s.chunks, new(chunk))
	}
	number = s.next
	s.next++
	in.previous = 0
	if !isFirst {
		in.previous = s.last[in.key]
	}
	s.last[in.key] = number
	last := s.chunks[len(s.chunks)-1]
	last.newest = max(last.newest, in.time)
	added = s.at(number)
	*added = in
	return
}

// forget drops chunks whose inclusions are all older than this. The last chunk stays.
func (s *inclusions) forget(before int64) {
	for len(s.chunks) > 1 && s.chunks[0].newest < before {
		for i := range s.chunks[0].items {
			key := s.chunks[0].items[i].key
			if s.last[key] == s.first+uint32(i) {
				delete(s.last, key)
			}
		}
		s.chunks[0] = nil
		s.chunks = s.chunks[1:]
		s.first += chunkLength
	}
}

// counting returns the number of the inclusion as which the swap counts: its greatest one that is present and not removed, or 0.
func (s *inclusions) counting(last uint32) uint32 {
	best := uint32(0)
	for number := last; ; {
		in := s.at(number)
		if in == nil {
			return best
		}
		if in.present && !in.removed && (best == 0 || s.at(best).isBefore(in)) {
			best = number
		}
		number = in.previous
	}
}

// isBefore is the order of the inclusions of one swap.
func (in *inclusion) isBefore(other *inclusion) bool {
	switch {
	case in.block != other.block:
		return in.block < other.block
	case in.time != other.time:
		return in.time < other.time
	}
	return bytes.Compare(in.blockHash[:], other.blockHash[:]) < 0
}

// precedes is the order of open and close among the swaps of a token. Event ids of one chain and log index differ in their hashes alone.
func (in *inclusion) precedes(other *inclusion) bool {
	switch {
	case in.time != other.time:
		return in.time < other.time
	case in.block != other.block:
		return in.block < other.block
	case in.txIndex != other.txIndex:
		return in.txIndex < other.txIndex
	case in.key.log != other.key.log:
		return in.key.log < other.key.log
	}
	return bytes.Compare(in.key.tx[:], other.key.tx[:]) < 0
}
