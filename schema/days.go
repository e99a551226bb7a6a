package schema

import "time"

// Days returns every day of the month.
func (m Month) Days() []Day {
	var days []Day
	for t := m.FirstDay().Time(); ; t = t.AddDate(0, 0, 1) {
		d := DayOf(t, time.UTC)
		if d.Month() != m {
			return days
		}
		days = append(days, d)
	}
}

// Weeks splits days in rising order into runs that follow each other without a hole, of at most seven: what
// one question to ClickHouse counts.
func Weeks(days []Day) (runs [][]Day) {
	for i, d := range days {
		if i == 0 || len(runs[len(runs)-1]) == 7 || !days[i-1].Time().AddDate(0, 0, 1).Equal(d.Time()) {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], d)
	}
	return runs
}
