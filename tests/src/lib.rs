//! What the test programs of this package share. Development only: nothing of the product uses it.
