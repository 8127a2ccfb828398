//! Vectors, and what they are compared with.

use slotline_resp::{Arguments, ToArgs};

/// A vector of a vector set. It is sent as 32-bit floating point numbers.
///
/// Source: [VADD](https://redis.io/docs/latest/commands/vadd/).
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(Vec<u8>);

impl From<&[f32]> for Vector {
    fn from(numbers: &[f32]) -> Vector {
        Vector(
            numbers
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect(),
        )
    }
}

impl<const N: usize> From<[f32; N]> for Vector {
    fn from(numbers: [f32; N]) -> Vector {
        Vector::from(numbers.as_slice())
    }
}

impl From<Vec<f32>> for Vector {
    fn from(numbers: Vec<f32>) -> Vector {
        Vector::from(numbers.as_slice())
    }
}

impl ToArgs for Vector {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        arguments.add("FP32");
        arguments.add(&self.0);
    }
}

/// What elements are compared with.
///
/// Source: [VSIM](https://redis.io/docs/latest/commands/vsim/).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum VectorQuery {
    /// Another element of the set.
    Element(String),
    /// A vector.
    Vector(Vector),
}

impl VectorQuery {
    /// This element.
    pub fn element(name: impl Into<String>) -> VectorQuery {
        VectorQuery::Element(name.into())
    }

    /// This vector.
    pub fn vector(vector: impl Into<Vector>) -> VectorQuery {
        VectorQuery::Vector(vector.into())
    }
}

impl ToArgs for VectorQuery {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        match self {
            VectorQuery::Element(name) => {
                arguments.add("ELE");
                arguments.add(name);
            }
            VectorQuery::Vector(vector) => vector.add_to(arguments),
        }
    }
}
