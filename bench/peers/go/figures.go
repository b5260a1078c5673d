package main

import (
	"math/big"
	"strconv"
)

// query names the tokens whose figures are compared.
type query struct {
	AsOf int64    `json:"as_of"`
	IDs  []string `json:"ids"`
}

type answer struct {
	Counters *counters `json:"counters,omitempty"`
	// Figures are those of a token by window. Decimals are texts.
	Figures map[string]map[string]figures `json:"figures"`
}

type figures map[string]any

// edges returns what a window covers at an instant: from its step to the end of the second.
func (w window) edges(asOf int64) (from, to int64) {
	return floorTo(asOf-w.length, w.step), floorTo(asOf, second) + second
}

func (j *wholeJob) answer(q query, into *answer) {
	into.Counters.add(j.counters)
	wanted := make(map[string]bool, len(q.IDs))
	for _, id := range q.IDs {
		wanted[id] = true
	}
	wallets := make(map[uint32]map[address]lastTrades)
	names := make(map[uint32]string)
	for id, number := range j.numbers {
		if name := id.String(); wanted[name] {
			names[number] = name
			wallets[number] = make(map[address]lastTrades)
		}
	}
	j.traders.byToken(wallets)
	for number, name := range names {
		t := &j.tokens[number]
		of := wallets[number]
		for _, r := range t.recent {
			in := j.swaps.at(r.number)
			last := of[in.who]
			last.add(in)
			of[in.who] = last
		}
		into.Figures[name] = make(map[string]figures, len(windows))
		for _, w := range windows {
			from, to := w.edges(q.AsOf)
			total := t.history.sum(from, to)
			into.Figures[name][w.name] = total.figures(countTraders(of, from))
		}
	}
}

func (c *counters) add(o counters) {
	c.Applied += o.Applied
	c.Duplicates += o.Duplicates
	c.Late += o.Late
	c.Quarantined += o.Quarantined
	c.Removed += o.Removed
	c.Unresolved += o.Unresolved
}

// figures are named as the service names them. Those without a value are absent.
func (b *bucket) figures(c traderCounts) figures {
	tokens := b.tokenBuy
	tokens.add(b.tokenSell)
	f := figures{
		"trades":            b.buys + b.sells,
		"buys":              b.buys,
		"sells":             b.sells,
		"volume_usd":        usdText(b.usdBuy + b.usdSell),
		"buy_volume_usd":    usdText(b.usdBuy),
		"sell_volume_usd":   usdText(b.usdSell),
		"volume_token":      decimalText(tokens.big(), 18),
		"buy_volume_token":  decimalText(b.tokenBuy.big(), 18),
		"sell_volume_token": decimalText(b.tokenSell.big(), 18),
		"traders":           c.traders,
		"buyers":            c.buyers,
		"sellers":           c.sellers,
	}
	if b.buys+b.sells > 0 {
		f["vwap"] = ratioText(b.usdBuy+b.usdSell, tokens)
		f["first_trade_time"], f["last_trade_time"] = b.first, b.last
	}
	if b.open != 0 {
		f["open"], f["high"] = priceText(b.openPrice), priceText(b.high)
		f["low"], f["close"] = priceText(b.low), priceText(b.closePrice)
	}
	return f
}

func usdText(micro uint64) string { return decimalText(new(big.Int).SetUint64(micro), 6) }

func priceText(price float64) string { return strconv.FormatFloat(price, 'f', -1, 64) }

// ratioText returns dollars a token to 15 digits.
func ratioText(usdMicro uint64, tokens amount) string {
	usd := new(big.Int).SetUint64(usdMicro)
	usd.Mul(usd, big.NewInt(1_000_000_000_000))
	precise := func(n *big.Int) *big.Float { return new(big.Float).SetPrec(256).SetInt(n) }
	return new(big.Float).Quo(precise(usd), precise(tokens.big())).Text('g', 15)
}
