package payout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fairlead/schema"
)

// Store keeps payouts, and knows the ledger. Whatever was written is read by every later call.
type Store interface {
	// Newest returns the highest fencing token that stands in payouts or in the ledger.
	Newest(ctx context.Context) (uint64, error)
	// Find returns the versions in force of payouts, by CreatedAt and id.
	Find(ctx context.Context, f Filter) ([]Payout, error)
	// Put adds a version. Of two of one payout and number the one with the higher token holds. Only the first has parts.
	Put(ctx context.Context, p Payout, parts ...Part) error
	// Parts returns what a payout pays, by reward.
	Parts(ctx context.Context, id PayoutID) ([]Part, error)
	// Payable returns what every partner has in payable of rewards that were due by the cut-off and of which nothing is under
	// review, and of those below zero whenever they were due; by partner, currency and reward. Partner 0 is all of them.
	Payable(ctx context.Context, cutOff time.Time, partner schema.PartnerID) ([]Balance, error)
	// Rows returns the rows of the ledger that a payout booked.
	Rows(ctx context.Context, id PayoutID) ([]schema.Transfer, error)
	// Doubtful returns at least the payouts whose rows in the ledger are not those that their status asks for.
	Doubtful(ctx context.Context) ([]Payout, error)
	// Book appends rows to the ledger, all or none. Of two with one id the one with the higher token holds.
	Book(ctx context.Context, rows []schema.Transfer) error
	// Ran tells whether all was drafted that is to be at a cut-off.
	Ran(ctx context.Context, cutOff time.Time) (bool, error)
	// NewestRan is the latest cut-off that this is so of; zero: none is.
	NewestRan(ctx context.Context) (time.Time, error)
	// PutRan notes that it was, and what was carried over to the next.
	PutRan(ctx context.Context, r Ran) error
}

// Filter says which payouts are asked for. What is zero in it excludes none.
type Filter struct {
	ID       PayoutID
	Partner  schema.PartnerID
	CutOff   time.Time
	Statuses []Status
	Since    time.Time // whose version in force was written then or later
}

// Balance is what a partner has in payable in a currency.
type Balance struct {
	Partner  schema.PartnerID
	Currency string
	Parts    []Part // by reward
}

// Ran says that all was drafted that is to be at a cut-off.
type Ran struct {
	CutOff  time.Time
	At      time.Time
	Actor   string
	Drafted int
	Carried []Carry
	Token   uint64
}

// Carry is what is not paid at a cut-off, but carried over to the next.
type Carry struct {
	Partner  schema.PartnerID `json:"partner_id"`
	Currency string           `json:"currency"`
	Amount   int64            `json:"amount"` // minor units; below zero: taken back after it was paid
	Reason   CarryReason      `json:"reason"`
	Detail   string           `json:"detail,omitempty"` // what the partner's method lacks; empty: there is none
}

// CarryReason is why something is carried over.
type CarryReason string

// The reasons.
const (
	CarryNegative  CarryReason = "negative"    // more was taken back than there is
	CarryMinimum   CarryReason = "minimum"     // less than the program's minimum
	CarryNoMethod  CarryReason = "no_method"   // the partner cannot be paid: Detail
	CarryDrafted   CarryReason = "drafted"     // a payout of this cut-off exists, and its list is fixed
	CarrySuspended CarryReason = "suspended"   // the partner is suspended or declined
	CarryTooMuch   CarryReason = "not_at_once" // more than one payout may amount to
)

// Methods knows how partners are paid.
type Methods interface {
	// Of returns the methods of those partners who have one.
	Of(ctx context.Context, partners []schema.PartnerID) (map[schema.PartnerID]Method, error)
}

// Method is how a partner is paid now.
type Method struct {
	Target
	Lacks     schema.PayoutLack // why nothing can be sent to it now
	Suspended bool              // the partner is suspended or declined: nothing is paid
}

// Fence is a held lock: see package lock.
type Fence interface {
	Context() context.Context // ends when the lock is lost
	Token() uint64
	Exceed(stored uint64) error
	Check() error
}

// Options are what a Runner works with.
type Options struct {
	Store     Store
	Methods   Methods
	Providers map[schema.PayBy]Provider // those that are set up; a bank has none
	// Program returns the settings in force, and ProgramID what tells this program's payouts from others'.
	Program   func(ctx context.Context) (schema.Program, error)
	ProgramID func(ctx context.Context) (string, error)
	// Lock does work under the lock of payouts; false: somebody else has it, and nothing was done.
	Lock func(ctx context.Context, work func(Fence) error) (bool, error)
	// Booked returns up to when rewards are booked, as Database.Booked does; nothing is drafted at a later cut-off. Nil: up to now.
	Booked func(ctx context.Context) (time.Time, error)
	Now    func() time.Time

	AutoApprove bool  // nobody has to approve what does not take two
	TwoAbove    int64 // minor units of the program's currency: what is more takes two to approve, and so does all in other currencies; 0: one does
}

// Runner pays. It is safe for concurrent use, by many processes too: of two at once one waits its turn, or skips.
type Runner struct {
	opt Options

	mu      sync.Mutex
	watchAt time.Time // completed payouts are asked for then; guarded by mu
}

// New returns a Runner.
func New(opt Options) *Runner { return &Runner{opt: opt} }

// Report says what a run did.
type Report struct {
	Skipped  bool      `json:"skipped,omitempty"` // somebody else was at work
	Waits    bool      `json:"waits,omitempty"`   // nothing was drafted: rewards are not booked up to the cut-off yet, or the booking has not looked at what came back
	Ran      bool      `json:"ran,omitempty"`     // everything had been drafted at this cut-off; by RunDue, also: in its month
	CutOff   time.Time `json:"cut_off"`
	Drafted  []Payout  `json:"-"`
	Changed  []Payout  `json:"-"` // with another status than before, in this order
	Carried  []Carry   `json:"-"`
	Held     []Note    `json:"-"`                // what is approved and cannot be sent yet
	Problems []Note    `json:"-"`                // what nobody knows the outcome of
	Warnings []Note    `json:"-"`                // what was completed, and whether it was returned since nobody knows
	Mended   int       `json:"mended,omitempty"` // rows of the ledger that an earlier run had left
}

// Note is what is to be said of a payout.
type Note struct {
	Payout Payout
	Text   string
}

// ErrFuture says that a cut-off lies in the future.
var ErrFuture = errors.New("the cut-off has not come yet")

// Run finishes what is open, then drafts what was due by the cut-off, unless that was done, and sends what is approved. It does
// nothing, and says so, while somebody else is at work. An error is one of the store or the lock; what providers say stands in the report.
func (r *Runner) Run(ctx context.Context, cutOff time.Time, actor string) (Report, error) {
	return r.run(ctx, cutOff, actor, func(w *work) (bool, error) { return w.Store.Ran(w.ctx, cutOff) })
}

func (r *Runner) run(ctx context.Context, cutOff time.Time, actor string, done func(*work) (bool, error)) (report Report, err error) {
	if cutOff.After(r.opt.Now()) {
		return report, fmt.Errorf("draft payouts at %s: %w", cutOff.UTC().Format(time.RFC3339), ErrFuture)
	}
	held, err := r.underLock(ctx, actor, func(w *work) error {
		defer func() { report = w.report }()
		w.report.CutOff = cutOff
		if err := w.finish(); err != nil {
			return err
		}
		ran, err := done(w)
		if err != nil {
			return err
		}
		if w.report.Ran = ran; !ran {
			if err := w.draft(cutOff); err != nil {
				return err
			}
		}
		if r.opt.AutoApprove {
			if err := w.approveAll(); err != nil {
				return err
			}
			if err := w.sendApproved(); err != nil {
				return err
			}
		}
		return r.watch(w)
	})
	report.Skipped = !held && err == nil
	return report, err
}

// work is what is done while the lock is held.
type work struct {
	Options
	ctx    context.Context
	fence  Fence
	actor  string
	report Report
}

// underLock does work, after what an earlier run left half done.
func (r *Runner) underLock(ctx context.Context, actor string, do func(*work) error) (bool, error) {
	held, err := r.opt.Lock(ctx, func(f Fence) error {
		w := &work{Options: r.opt, ctx: f.Context(), fence: f, actor: actor}
		newest, err := w.Store.Newest(w.ctx)
		if err != nil {
			return err
		}
		if err := f.Exceed(newest); err != nil {
			return err
		}
		if err := w.mend(); err != nil {
			return err
		}
		return do(w)
	})
	if err != nil {
		err = fmt.Errorf("payouts: %w", err)
	}
	return held, err
}

// put stores the version that follows p, and books what follows from it.
func (w *work) put(p Payout, to Status, reason string) (Payout, error) {
	return w.putAs(p, to, reason, w.actor)
}

func (w *work) putAs(p Payout, to Status, reason, actor string) (Payout, error) {
	before := p.Status
	p, err := p.next(to, w.Now(), actor, reason)
	if err != nil {
		return p, err
	}
	if p, err = w.store(p); err != nil {
		return p, err
	}
	if p.Status != before {
		w.report.Changed = append(w.report.Changed, p)
	}
	if p.Status.Open() {
		return p, nil
	}
	_, err = w.settle(p)
	return p, err
}

// store adds a version under the lock.
func (w *work) store(p Payout, parts ...Part) (Payout, error) {
	if err := w.fence.Check(); err != nil {
		return p, err
	}
	p.Token = w.fence.Token()
	return p, w.Store.Put(w.ctx, p, parts...)
}

// settle books what the ledger lacks of a payout, and answers how many rows that took.
func (w *work) settle(p Payout) (int, error) {
	a, err := w.account(p)
	if err != nil {
		return 0, err
	}
	return len(a.missing), w.book(a.missing)
}

func (w *work) account(p Payout) (account, error) {
	parts, err := w.Store.Parts(w.ctx, p.ID)
	if err != nil {
		return account{}, err
	}
	rows, err := w.Store.Rows(w.ctx, p.ID)
	if err != nil {
		return account{}, err
	}
	return p.reckon(parts, rows, w.Now()), nil
}

func (w *work) book(rows []schema.Transfer) error {
	if len(rows) == 0 {
		return nil
	}
	if err := w.fence.Check(); err != nil {
		return err
	}
	for i := range rows {
		rows[i].Token = w.fence.Token()
	}
	return w.Store.Book(w.ctx, rows)
}

// mend books what earlier runs left unbooked, and takes back what they booked after they had lost the lock. A draft whose
// rewards are not there any more, because such a run stored it late, is canceled: what it would pay is in another payout, or
// was taken back.
func (w *work) mend() error {
	doubtful, err := w.Store.Doubtful(w.ctx)
	if err != nil {
		return err
	}
	for _, p := range doubtful {
		a, err := w.account(p)
		if err != nil {
			return err
		}
		if len(a.unreserved) > 0 {
			covered, err := w.covered(p, a.unreserved)
			if err != nil {
				return err
			}
			switch {
			case !covered && p.Status == Draft:
				if _, err := w.putAs(p, Canceled, "its rewards had changed before they were reserved", "system"); err != nil {
					return err
				}
				continue
			case !covered:
				return fmt.Errorf("the ledger has lost rows of payout %s, and its rewards are not payable any more: run `fairlead verify`, and restore the ledger from a backup before anything is paid", p.ID)
			}
		}
		w.report.Mended += len(a.missing)
		if err := w.book(a.missing); err != nil {
			return err
		}
	}
	return nil
}

// covered reports whether every part is what its reward has in payable.
func (w *work) covered(p Payout, parts []Part) (bool, error) {
	balances, err := w.Store.Payable(w.ctx, p.CutOff, p.Partner)
	if err != nil {
		return false, err
	}
	payable := map[schema.RewardID]int64{}
	for _, b := range balances {
		if b.Currency == p.Currency {
			for _, part := range b.Parts {
				payable[part.Reward] = part.Amount
			}
		}
	}
	for _, part := range parts {
		if payable[part.Reward] != part.Amount {
			return false, nil
		}
	}
	return true, nil
}
