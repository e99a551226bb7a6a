package schema

// RewardsGeneration is the field of Rollup that says which figures of rewards stand: the token of the last run that changed
// some of them. It is absent as long as nothing was booked.
const RewardsGeneration = "rewards_generation"
