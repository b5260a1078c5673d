// Swap statistics by hand, to be measured beside swapstats: the same records of a Kafka topic, the same figures.
//
//	peer -job whole -brokers 127.0.0.1:9092 -topic swaps -partitions 4 -records 2000000
//
// Prints `half` and `done` when so many records are in the state, then reads one query from standard input and answers it, both as a line
// of JSON. With -file it reads NDJSON instead of a topic.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

// job has the state of a partition.
type job interface {
	apply(record []byte, arrival int64) error
	answer(q query, into *answer)
}

type options struct {
	job, brokers, topic, file string
	partitions                int
	records                   int64
	remember                  time.Duration
}

func readOptions() (o options) {
	flag.StringVar(&o.job, "job", "whole", "whole, or small: four figures in three windows, sums in floats, no removals")
	flag.StringVar(&o.brokers, "brokers", "", "addresses, separated by commas")
	flag.StringVar(&o.topic, "topic", "", "the topic")
	flag.IntVar(&o.partitions, "partitions", 1, "its partitions")
	flag.Int64Var(&o.records, "records", 0, "its records")
	flag.StringVar(&o.file, "file", "", "a file of NDJSON, in place of a topic")
	flag.DurationVar(&o.remember, "remember", 24*time.Hour, "how long ids are known; at least 31m, twice the horizon and a margin")
	flag.Parse()
	return
}

func (o options) newJobs() ([]job, error) {
	remember := o.remember.Milliseconds()
	if remember < rememberMin {
		return nil, fmt.Errorf("-remember %s is shorter than %s", o.remember, time.Duration(rememberMin)*time.Millisecond)
	}
	jobs := make([]job, o.partitions)
	for i := range jobs {
		switch o.job {
		case "whole":
			jobs[i] = newWholeJob(remember)
		case "small":
			jobs[i] = newSmallJob(remember)
		default:
			return nil, fmt.Errorf("-job %s is neither whole nor small", o.job)
		}
	}
	return jobs, nil
}

func run() error {
	o := readOptions()
	jobs, err := o.newJobs()
	if err != nil {
		return err
	}
	if o.file != "" {
		err = readFile(o.file, jobs[0])
	} else {
		err = consume(o, jobs)
	}
	if err != nil {
		return err
	}
	fmt.Println("done")
	line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
	if err != nil {
		return err
	}
	var q query
	if err := json.Unmarshal(line, &q); err != nil {
		return err
	}
	a := answer{Figures: make(map[string]map[string]figures), Counters: new(counters)}
	for _, j := range jobs {
		j.answer(q, &a)
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
