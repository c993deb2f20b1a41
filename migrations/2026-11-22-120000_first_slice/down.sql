DROP TABLE finding, response, visit, change_group, record, bucket, secret, session, device, assignment, person, school, zone, district;
