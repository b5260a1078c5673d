package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// The figures are compared with the engine's by scripts/test/peers.test.ts. Here is what its logs do not have.

const start = int64(1_767_225_600_000)

func record(time int64, tx int, usd string) []byte {
	return fmt.Appendf(nil, `{"event_time":%d,"block_number":1,"block_hash":"0x%064x","tx_hash":"0x%064x","log_index":0,"chain_id":1,`+
		`"token":"0x%040x","who":"0x%040x","side":"buy","amount_token":"1.5","amount_usd":"%s","price_usd":"2"}`, time, 1, tx, 7, 9, usd)
}

func apply(t *testing.T, j job, record []byte, arrival int64) {
	t.Helper()
	if err := j.apply(record, arrival); err != nil {
		t.Fatal(err)
	}
}

func TestASwapAheadOfItsArrivalIsQuarantined(t *testing.T) {
	j := newWholeJob(day)
	apply(t, j, record(start+skew, 1, "3"), start)
	apply(t, j, record(start+skew+1, 2, "3"), start)
	if want := (counters{Applied: 1, Quarantined: 1}); j.counters != want {
		t.Errorf("%+v, not %+v", j.counters, want)
	}
	if high := j.highs[1]; high != start+skew {
		t.Errorf("the high is %d: a quarantined swap raised it", high)
	}
}

func TestAMalformedRecordIsAnError(t *testing.T) {
	good := string(record(start, 1, "3"))
	for _, broken := range []string{
		"",
		"{",
		strings.Replace(good, `"3"`, `"3.1234567"`, 1),
		strings.Replace(good, `"3"`, `"-3"`, 1),
		strings.Replace(good, `"3"`, `"1e3"`, 1),
		strings.Replace(good, `"1.5"`, `"999999999999999999999"`, 1),
		strings.Replace(good, "0x", "0y", 1),
		strings.Replace(good, `"tx_hash":"0x0`, `"tx_hash":"0xg`, 1),
	} {
		if newWholeJob(day).apply([]byte(broken), math.MaxInt64-skew) == nil {
			t.Errorf("no error: %s", broken)
		}
	}
}

func TestAmountsAreExactTo128Bits(t *testing.T) {
	for _, text := range []string{"0.000000000000000001", "1", "99999999999999999999.999999999999999999"} {
		a, err := parseDecimal(text, 18)
		if got := decimalText(a.big(), 18); err != nil || got != text {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a sum beyond 128 bits did not panic")
		}
	}()
	most := amount{math.MaxUint64, math.MaxUint64}
	most.add(amount{lo: 1})
}

func TestIDsAreForgottenInTime(t *testing.T) {
	j := newWholeJob(rememberMin)
	for i := range 4 * chunkLength {
		apply(t, j, record(start+int64(i)*second, i, "3"), math.MaxInt64-skew)
	}
	if len(j.swaps.chunks) > 2 || len(j.swaps.last) > 2*chunkLength {
		t.Errorf("%d chunks and %d ids are left", len(j.swaps.chunks), len(j.swaps.last))
	}
}
