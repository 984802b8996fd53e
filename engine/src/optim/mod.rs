//! Optimisers, schedules and averaged weights, traced as ordinary operations.
