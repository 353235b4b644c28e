//! Rewritings that change no result.

use super::{Graph, Op};

impl Graph {
    /// Without what no output needs, and with pools before rectifiers.
    pub(super) fn simplified(self) -> Self {
        let mut graph = self.without_dead_nodes();
        graph.pool_before_relu();
        graph
    }

    /// The largest of rectified numbers is the largest number, rectified: one rectifier per window
    /// instead of one per cell. The pool takes the rectifier's number and the other way round, so
    /// that nodes still stand after what they use.
    fn pool_before_relu(&mut self) {
        let mut uses = vec![0usize; self.nodes.len()];
        for node in &self.nodes {
            for operand in node.op.operands() {
                uses[operand] += 1;
            }
        }
        for port in &self.outputs {
            uses[port.node] += 1;
        }
        for id in 0..self.nodes.len() {
            let Op::Max { input: relu, window } = &self.nodes[id].op else { continue };
            let (relu, window) = (*relu, window.clone());
            let Op::Relu { input, cap } = self.nodes[relu].op else { continue };
            if uses[relu] != 1 {
                continue;
            }
            self.nodes[relu].op = Op::Max { input, window };
            self.nodes[id].op = Op::Relu { input: relu, cap };
            self.nodes[relu].elements = self.nodes[id].elements;
            let name = core::mem::take(&mut self.nodes[relu].name);
            self.nodes[relu].name = core::mem::replace(&mut self.nodes[id].name, name);
        }
    }

    /// Drops what no output needs: folding leaves copies behind. Inputs stay, used or not.
    fn without_dead_nodes(mut self) -> Self {
        let mut live = vec![false; self.nodes.len()];
        for port in self.inputs.iter().chain(&self.outputs) {
            live[port.node] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if live[id] {
                for operand in self.nodes[id].op.operands() {
                    live[operand] = true;
                }
            }
        }
        let mut renamed = vec![0; live.len()];
        let mut kept = vec![];
        for (id, mut node) in self.nodes.into_iter().enumerate() {
            if live[id] {
                node.op.rename(|operand| renamed[operand]);
                renamed[id] = kept.len();
                kept.push(node);
            }
        }
        self.nodes = kept;
        for port in self.inputs.iter_mut().chain(&mut self.outputs) {
            port.node = renamed[port.node];
        }
        self
    }
}
