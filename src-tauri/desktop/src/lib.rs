//! desktop
pub fn run(){}
