package main

import (
	"slices"
	"sort"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

type window struct {
	name         string
	length, step int64
}

var windows = []window{
	{"1m", minute, second}, {"5m", 5 * minute, 5 * second}, {"15m", 15 * minute, 15 * second}, {"30m", 30 * minute, 15 * second},
	{"1h", hour, 15 * second}, {"6h", 6 * hour, minute}, {"24h", day, minute},
}

// levels are the widths of buckets, and the ages up to which windows need them.
var levels = [...]struct{ width, age int64 }{
	{second, minute}, {5 * second, 5 * minute}, {15 * second, hour}, {minute, day},
}

const coarsest = len(levels) - 1

func floorTo(time, step int64) int64 { return time - time%step }

// bucket has the sums of the swaps of a token in a span of event time. Prices of 0 are absent.
type bucket struct {
	start               int64
	buys, sells         uint32
	usdBuy, usdSell     uint64
	tokenBuy, tokenSell amount
	high, low           float64
	// open and close are numbers of inclusions.
	open, close           uint32
	openPrice, closePrice float64
	first, last           int64
}

func (b *bucket) add(number uint32, in *inclusion, all *inclusions) {
	if b.buys+b.sells == 0 {
		b.first, b.last = in.time, in.time
	}
	b.first, b.last = min(b.first, in.time), max(b.last, in.time)
	if in.isBuy {
		b.buys++
		b.usdBuy += in.usd
		b.tokenBuy.add(in.amount)
	} else {
		b.sells++
		b.usdSell += in.usd
		b.tokenSell.add(in.amount)
	}
	if in.price == 0 {
		return
	}
	if b.open == 0 {
		b.high, b.low = in.price, in.price
	}
	b.high, b.low = max(b.high, in.price), min(b.low, in.price)
	if b.open == 0 || in.precedes(all.at(b.open)) {
		b.open, b.openPrice = number, in.price
	}
	if b.close == 0 || all.at(b.close).precedes(in) {
		b.close, b.closePrice = number, in.price
	}
}

// addLater adds the sums of a bucket that lies behind this one.
func (b *bucket) addLater(o *bucket) {
	if o.buys+o.sells == 0 {
		return
	}
	if b.buys+b.sells == 0 {
		start := b.start
		*b = *o
		b.start = start
		return
	}
	b.buys += o.buys
	b.sells += o.sells
	b.usdBuy += o.usdBuy
	b.usdSell += o.usdSell
	b.tokenBuy.add(o.tokenBuy)
	b.tokenSell.add(o.tokenSell)
	b.last = o.last
	if o.open == 0 {
		return
	}
	if b.open == 0 {
		b.open, b.openPrice, b.high, b.low = o.open, o.openPrice, o.high, o.low
	}
	b.high, b.low = max(b.high, o.high), min(b.low, o.low)
	b.close, b.closePrice = o.close, o.closePrice
}

// history has the buckets of a token: for each level a list in the order of time. Level i holds times from from[i] to from[i-1].
type history struct {
	lists [len(levels)][]bucket
	from  [len(levels)]int64
}

// age moves buckets that no window needs at their width any more into wider ones, and drops those that are older than all windows.
func (h *history) age(high int64) {
	for i, level := range levels {
		widest := levels[min(i+1, coarsest)].width
		from := floorTo(high-level.age-level.width, widest)
		if from <= h.from[i] {
			continue
		}
		h.from[i] = from
		list := h.lists[i]
		moved := 0
		for moved < len(list) && list[moved].start < from {
			if i < coarsest {
				h.at(i+1, list[moved].start).addLater(&list[moved])
			}
			moved++
		}
		h.lists[i] = list[moved:]
	}
}

// bucketOf returns the bucket of a time, and its end.
func (h *history) bucketOf(time int64) (b *bucket, end int64) {
	level := 0
	for level < coarsest && time < h.from[level] {
		level++
	}
	b = h.at(level, time)
	return b, b.start + levels[level].width
}

// at returns the bucket of a level, and adds it where there is none. It is valid until the next call.
func (h *history) at(level int, time int64) *bucket {
	list := h.lists[level]
	start := floorTo(time, levels[level].width)
	i := len(list)
	if i > 0 && list[i-1].start >= start {
		i = sort.Search(i, func(k int) bool { return list[k].start >= start })
	}
	if i == len(list) || list[i].start != start {
		list = slices.Insert(list, i, bucket{start: start})
		h.lists[level] = list
	}
	return &list[i]
}

// sum adds up the buckets from a time on, in the order of time.
func (h *history) sum(from, to int64) (total bucket) {
	for i := coarsest; i >= 0; i-- {
		list := h.lists[i]
		k := sort.Search(len(list), func(k int) bool { return list[k].start >= from })
		for ; k < len(list) && list[k].start < to; k++ {
			total.addLater(&list[k])
		}
	}
	return
}
