// Package simulator plays out partner programs, to find what is wrong with their money. It consists of tests.
//
// One seed is one world: settings and rules that change, also for days that are over; partners with groups, statuses and
// opening balances; customers who buy, get money back, dispute it, turn out to be one or to be the partner; claims; entries
// by hand. What the merchant reports arrives late, in any order and several times. Over it the real code decides
// (attribution.Decide) and reckons (reward.Wanted), against a ledger in memory that holds rows as ClickHouse's does: of one
// id, those of the highest token. The run that books is killed at any point, is slow while others go on, or loses its lock,
// and writes all the same when it wakes up. payout.Runner pays, over a store in memory and providers that keep their own account
// of what they transferred: they refuse, their questions or answers get lost, they forget their keys, transfers fail or come back.
// Its runs, and the people who approve and cancel, are killed or stopped before and after anything they do.
//
// # What holds after each step
//
//   - Every row moves an amount above zero between two accounts, and belongs to one partner and currency; the ledger's
//     balances add up to zero in each currency.
//
//   - Of no sale is more given back than was sold, and nothing that is given back comes back more than once.
//
//   - What a partner has received or has under way is never below zero, and of no reward more than it amounted to once
//     and payouts that came to nothing had taken from it.
//
//   - No payout is transferred twice; what was sent or completed was transferred, as it was drafted; and where a partner has the
//     money, the payout is not one whose rewards are payable again.
//
// # What holds after a run that nothing got in the way of
//
//   - Nothing is wanted when it is asked again.
//   - All facts in another order, several times over and from scratch, give the same rewards: all of the amount, and where
//     it stands unless a payout has moved it.
//   - Each reward is its rule's part of what is left of the sale, rounded once: reckoned here in another way.
//   - Nothing is below zero but what is payable, where more was taken back than was left.
//   - What the ledger has in processing and in paid is what open and completed payouts amount to, and no reward is in payouts with
//     more than it amounted to once.
//
// And in the end, when nothing happens any more and everything works, everybody is paid within seven runs.
//
// A world that fails is printed with its seed, and with the steps left out that it fails without. CHAOS_SEED plays it alone.
//
// # Limits
//
// A run that is stopped right before it sends money goes on within 20 hours: see the limits of package payout. Payouts run every
// eight days at least, or what is returned late is not noticed.
package simulator
