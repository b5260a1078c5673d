package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Fetches of a partition that wait for its goroutine.
const waitingMax = 2

// consume reads a topic to its end. Each partition has a goroutine.
func consume(o options, jobs []job) error {
	offsets := make(map[int32]kgo.Offset)
	for i := range jobs {
		offsets[int32(i)] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(o.brokers, ",")...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.topic: offsets}),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	group, ctx := errgroup.WithContext(context.Background())
	var applied atomic.Int64
	fetched := make([]chan []*kgo.Record, len(jobs))
	for i := range jobs {
		fetched[i] = make(chan []*kgo.Record, waitingMax)
		group.Go(func() error { return applyAll(jobs[i], fetched[i], &applied, o.records) })
	}
	group.Go(func() error {
		defer func() {
			for _, c := range fetched {
				close(c)
			}
		}()
		return fetchAll(ctx, client, o.records, fetched)
	})
	return group.Wait()
}

func fetchAll(ctx context.Context, client *kgo.Client, records int64, fetched []chan []*kgo.Record) error {
	for left := records; left > 0; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			left -= int64(len(p.Records))
			select {
			case fetched[p.Partition] <- p.Records:
			case <-ctx.Done():
			}
		})
	}
	return nil
}

func applyAll(j job, fetched <-chan []*kgo.Record, applied *atomic.Int64, total int64) error {
	for records := range fetched {
		for _, r := range records {
			if err := j.apply(r.Value, r.Timestamp.UnixMilli()); err != nil {
				return fmt.Errorf("partition %d, offset %d: %w", r.Partition, r.Offset, err)
			}
		}
		n := int64(len(records))
		if now := applied.Add(n); now >= total/2 && now-n < total/2 {
			fmt.Println("half")
		}
	}
	return nil
}

// readFile takes each line as a record that arrived in time.
func readFile(path string, j job) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if err := j.apply(lines.Bytes(), math.MaxInt64-skew); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
	}
	return lines.Err()
}
