-- Demo: divisions (facts of GB/T 2260) and invented bodies, whose credit
-- codes have the division prefix 99 that belongs to nobody.
-- psql variable platform: national, shandong or transport.

INSERT INTO zwfw.regions (code, name, level)
VALUES ('000000', '全国', 1) ON CONFLICT DO NOTHING;

INSERT INTO zwfw.regions (code, name, parent, level)
SELECT split_part(word, ' ', 1) || '0000', split_part(word, ' ', 2),
       '000000', 2
  FROM unnest(ARRAY['11 北京市', '12 天津市', '13 河北省', '14 山西省',
        '15 内蒙古自治区', '21 辽宁省', '22 吉林省', '23 黑龙江省', '31 上海市',
        '32 江苏省', '33 浙江省', '34 安徽省', '35 福建省', '36 江西省',
        '37 山东省', '41 河南省', '42 湖北省', '43 湖南省', '44 广东省',
        '45 广西壮族自治区', '46 海南省', '50 重庆市', '51 四川省', '52 贵州省',
        '53 云南省', '54 西藏自治区', '61 陕西省', '62 甘肃省', '63 青海省',
        '64 宁夏回族自治区', '65 新疆维吾尔自治区', '71 台湾省',
        '81 香港特别行政区', '82 澳门特别行政区']) AS word
    ON CONFLICT DO NOTHING;

INSERT INTO zwfw.regions (code, name, parent, level)
SELECT '37' || lpad(n::text, 2, '0') || '00', name, '370000', 3
  FROM unnest(ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17],
              ARRAY['济南市', '青岛市', '淄博市', '枣庄市', '东营市', '烟台市',
        '潍坊市', '济宁市', '泰安市', '威海市', '日照市', '临沂市', '德州市',
        '聊城市', '滨州市', '菏泽市']) AS t (n, name)
    ON CONFLICT DO NOTHING;

INSERT INTO zwfw.regions (code, name, parent, level)
SELECT '3701' || lpad(n::text, 2, '0'), name, '370100', 4
  FROM unnest(ARRAY[2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 24, 26],
              ARRAY['历下区', '市中区', '槐荫区', '天桥区', '历城区', '长清区',
        '章丘区', '济阳区', '莱芜区', '钢城区', '平阴县', '商河县'])
       AS t (n, name)
    ON CONFLICT DO NOTHING;


INSERT INTO zwfw.bodies (id, credit_code, name, short_name, level, region,
                         parent)
SELECT ('019a0000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, code,
       place || CASE place WHEN '' THEN name
                ELSE regexp_replace(name, '^[省市区]', '') END || '（演示）',
       name || '（演示）', level, region,
       ('019a0000-0000-7000-8000-' || lpad(up::text, 12, '0'))::uuid
  FROM (VALUES
    (1, '11990000MB0DEM025R', '山东省', '省行政审批服务局', 2, '370000',
        NULL, 'shandong'),
    (2, '11990100MB0DEM033R', '济南市', '市市场监督管理局', 3, '370100',
        1, 'shandong'),
    (3, '11990102MB0DEM041H', '济南市历下区', '区城市管理局', 4, '370102',
        9, 'shandong'),
    (4, '11990100MB0DEM05XC', '济南市', '市交通运输局', 3, '370100',
        1, 'shandong'),
    (4, '11990100MB0DEM05XC', '济南市', '市交通运输局', 3, '370100',
        14, 'transport'),
    (5, '11990102MB0DEM0689', '济南市历下区', '区卫生健康局', 4, '370102',
        9, 'shandong'),
    (6, '11990102MB0DEM0764', '济南市历下区', '区民政局', 4, '370102',
        9, 'shandong'),
    (7, '11990102MB0DEM084Y', '济南市历下区', '区公安分局', 4, '370102',
        9, 'shandong'),
    (8, '11990102MB0DEM092R', '济南市历下区', '街道办事处', 5, '370102',
        9, 'shandong'),
    (9, '11990102MB0DEM105F', '济南市历下区', '区行政审批服务局', 4, '370102',
        1, 'shandong'),
    (10, '11990100MB0DEM13X0', '济南市', '市公安局交通警察支队', 3, '370100',
        1, 'shandong'),
    (11, '11990100MB0DEM1480', '济南市', '市住房公积金中心', 3, '370100',
        1, 'shandong'),
    (12, '11990100MB0DEM172G', '济南市', '市人力资源和社会保障局', 3, '370100',
        1, 'shandong'),
    (13, '11990000MB0DEM156M', '', '国家政务服务平台管理中心', 1, '000000',
        NULL, 'national'),
    (14, '11990000MB0DEM164G', '', '交通运输政务服务中心', 1, '000000',
        NULL, 'transport'),
    (15, '11990000MB0DEM1806', '', '国家社会保障服务中心', 1, '000000',
        13, 'national')
  ) AS b (n, code, place, name, level, region, up, platform)
 WHERE platform = :'platform'
    ON CONFLICT DO NOTHING;
