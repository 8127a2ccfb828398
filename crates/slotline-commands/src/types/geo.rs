//! Places on the earth, and shapes around them.

use slotline_resp::{Arguments, Error, FromReply, Reader, ToArg, ToArgs};

use super::words::Unit;

/// A place: longitude and latitude in degrees, east and north being positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeoPoint {
    /// From -180 to 180.
    pub longitude: f64,
    /// From -85.05112878 to 85.05112878.
    pub latitude: f64,
}

/// What is searched around.
///
/// Source: [GEOSEARCH](https://redis.io/docs/latest/commands/geosearch/).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GeoFrom {
    /// A member, which may be any bytes.
    Member(Vec<u8>),
    /// A place.
    Point(GeoPoint),
}

/// In which shape something is searched.
///
/// Source: [GEOSEARCH](https://redis.io/docs/latest/commands/geosearch/).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum GeoShape {
    /// A circle of this radius.
    Circle(f64, Unit),
    /// A rectangle of this width and height.
    Rectangle(f64, f64, Unit),
}

impl GeoFrom {
    /// Around this member.
    #[must_use]
    pub fn member(name: impl ToArg) -> GeoFrom {
        GeoFrom::Member(name.with_bytes(<[u8]>::to_vec))
    }

    /// Around this place.
    #[must_use]
    pub fn point(longitude: f64, latitude: f64) -> GeoFrom {
        GeoFrom::Point(GeoPoint {
            longitude,
            latitude,
        })
    }
}

impl ToArgs for GeoFrom {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        match self {
            GeoFrom::Member(name) => {
                arguments.add("FROMMEMBER");
                arguments.add(name);
            }
            GeoFrom::Point(point) => {
                arguments.add("FROMLONLAT");
                arguments.add(&point.longitude);
                arguments.add(&point.latitude);
            }
        }
    }
}

impl ToArgs for GeoShape {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        match self {
            GeoShape::Circle(radius, unit) => {
                arguments.add("BYRADIUS");
                arguments.add(radius);
                arguments.add(unit);
            }
            GeoShape::Rectangle(width, height, unit) => {
                arguments.add("BYBOX");
                arguments.add(width);
                arguments.add(height);
                arguments.add(unit);
            }
        }
    }
}

impl<'a> FromReply<'a> for GeoPoint {
    fn from_reply(reader: &mut Reader<'a>) -> Result<GeoPoint, Error> {
        let (longitude, latitude) = FromReply::from_reply(reader)?;
        Ok(GeoPoint {
            longitude,
            latitude,
        })
    }
}
