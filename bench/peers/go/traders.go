package main

type traderKey struct {
	who   address
	token uint32
}

// lastTrades are the times of the newest settled buy and sell. 0: there is none.
type lastTrades struct{ buy, sell int64 }

// traders has the settled trades. All windows end now, so the newest trade alone decides in which of them a wallet is.
type traders map[traderKey]lastTrades

func (t traders) add(in *inclusion) {
	key := traderKey{in.who, in.key.token}
	last := t[key]
	last.add(in)
	t[key] = last
}

func (l *lastTrades) add(in *inclusion) {
	if in.isBuy {
		l.buy = max(l.buy, in.time)
	} else {
		l.sell = max(l.sell, in.time)
	}
}

func (t traders) forget(before int64) {
	for key, last := range t {
		if max(last.buy, last.sell) < before {
			delete(t, key)
		}
	}
}

// byToken returns the settled trades of the wallets of these tokens.
func (t traders) byToken(tokens map[uint32]map[address]lastTrades) {
	for key, last := range t {
		if wallets, isWanted := tokens[key.token]; isWanted {
			wallets[key.who] = last
		}
	}
}

type traderCounts struct{ traders, buyers, sellers int }

func countTraders(wallets map[address]lastTrades, from int64) (c traderCounts) {
	for _, last := range wallets {
		buys, sells := last.buy >= from, last.sell >= from
		if buys {
			c.buyers++
		}
		if sells {
			c.sellers++
		}
		if buys || sells {
			c.traders++
		}
	}
	return
}
