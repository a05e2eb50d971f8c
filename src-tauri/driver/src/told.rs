//! What a service says of itself, on its way from its shim to the engine.

use crate::Happened;
use crate::watch::Unit;
use model::Generation;
use shim::Told;

impl Unit {
    pub(crate) async fn say_told(&self, generation: Generation, told: Told) {
        let told = Happened::Told {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            told,
        };
        self.shared.say(told).await;
    }
}
